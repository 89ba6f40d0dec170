"""`bench criteria`: what it takes to read a text for three tasks, and what a beginning that is kept saves.

The demo's messages, read by SmolLM2-135M in numpy, in one thread, behind HTTP. The three tasks have their
texts read in turn, eight at a time, as `encode` does: each in a prompt of its own, all in one, and all in one
by an encoder that keeps its vectors. Each contestant reads texts of its own. Times are the process's CPU
time, the server's included, so that a busy machine tells nearly the same.
"""

import time
from collections.abc import Callable, Sequence

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from infra.bench.process import print_progress
from infra.bench.report import Report, figure, report
from infra.bench.request import BenchRequest
from infra.bench.route.workload import generated_corpus
from infra.errors import MissingData
from infra.harness.language_model import NAME, LanguageModel, LanguageModelServer, checkpoint_file
from models.embedders.contract import Embedder
from models.embedders.endpoint import PROMPTS_AT_ONCE
from models.embedders.loader import open_embedder
from models.embedders.prompt import Prompt
from models.embedders.vector_cache import CachedEmbedder
from models.language_model.checkpoint import read_checkpoint

TEXTS = 24
_TASKS = {
    "tone": ["angry", "neutral", "pleased"],
    "urgency": ["at once", "today", "whenever it suits"],
}
_TOPIC = "topic"
_SHARED = (
    "Read a customer's message. Note its topic, its tone (angry, neutral or pleased) and how urgent it is "
    "(at once, today or whenever it suits).\n\nMessage: {text}\nTopic, tone and urgency:"
)


ReadTexts = Callable[[Sequence[str]], None]


def measure(request: BenchRequest) -> Report:
    """Raises MissingData: SmolLM2 is not there."""
    file = checkpoint_file()
    if file is None:
        raise MissingData("no SmolLM2: `make model` fetches it")
    count = request.sizes[0] if request.sizes else TEXTS
    checkpoint = read_checkpoint(file)
    drawn = generated_corpus(20 * count * request.runs, 1).traces
    texts, prompts = iter(dict.fromkeys(drawn.rows.texts or ())), _prompts(sorted(set(drawn.labels)))
    with threadpool_limits(1), LanguageModelServer(model := LanguageModel(checkpoint)) as server:
        forgetful = LanguageModel(checkpoint, kept=0)
        readings: dict[str, ReadTexts] = {
            "kept": lambda read: _read(model, prompts[0], read),
            "anew": lambda read: _read(forgetful, prompts[0], read),
            **_three_tasks(f"probe:{server.url}#{NAME}", prompts),
        }
        found: dict[str, list[float]] = {name: [] for name in readings}
        for run in range(request.runs):
            for name, reading in readings.items():
                read = [next(texts) for _ in range(count)]
                begun = time.process_time()
                reading(read)
                found[name].append(1000.0 * (time.process_time() - begun) / count)
            print_progress(
                f"run {run + 1}: {', '.join(f'{name} {each[-1]:.0f} ms' for name, each in found.items())}"
            )
    each, three = "a text behind a prompt that is kept", "a text for three tasks with one prompt"
    return report(
        [
            figure(each, found["kept"], "ms of CPU", "read from its beginning", found["anew"]),
            figure(f"{three}, read once", found["once"], "ms of CPU", "a prompt each", found["own"]),
            figure(f"{three}, read by each", found["shared"], "ms of CPU", "a prompt each", found["own"]),
        ],
        notes=[f"{count} texts a run and row; the first prompt has {len(prompts[0].before):,} characters"],
    )


def _prompts(topics: Sequence[str]) -> list[Prompt]:
    """The usual prompt of each task."""
    return [
        Prompt.from_instruction(f"Classify the {task} of the message:\n{{labels}}", labels)
        for task, labels in {_TOPIC: topics, **_TASKS}.items()
    ]


def _three_tasks(vectors: str, prompts: Sequence[Prompt]) -> dict[str, ReadTexts]:
    own = [open_embedder(vectors, prompt) for prompt in prompts]
    one = open_embedder(vectors, Prompt.of(_SHARED, ()))
    return {
        "own": lambda read: _read_in_turn(own, read),
        "shared": lambda read: _read_in_turn([one] * len(prompts), read),
        "once": lambda read: _read_in_turn([CachedEmbedder(one)] * len(prompts), read),
    }


def _read(model: LanguageModel, prompt: Prompt, texts: Sequence[str]) -> None:
    for text in texts:
        model.vector(prompt.around(text))


def _read_in_turn(encoders: Sequence[Embedder], texts: Sequence[str]) -> None:
    for begin in range(0, len(texts), PROMPTS_AT_ONCE):
        for encoder in encoders:
            encoder.embed(texts[begin : begin + PROMPTS_AT_ONCE])
