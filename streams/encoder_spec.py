"""Encoder spec: which encoders a task's config names, to turn the texts of its requests into vectors."""

from dataclasses import dataclass, replace

from models.embedders.kinds import (
    PROBE,
    PROMPTED,
    needs_encoder,
    needs_prompt,
    sources_of,
    split_spec,
    vectors_of,
)
from models.embedders.prompt import Prompt
from schemas.config import Config
from streams.teacher.known_labels import known_descriptions, known_examples


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """An encoder that a process may have open, or several that make one vector together.

    Attributes:
        vectors: its kind and place, e.g. `model2vec:/models/static`; of several, joined by `>`.
        prompt: of a probe; None where there is none.
    """

    vectors: str
    prompt: Prompt | None = None

    @property
    def parts(self) -> "tuple[EncoderSpec, ...]":
        """Each encoder by itself, in the order of their vectors, with what it reads of the prompt."""
        read = sources_of(self.vectors)
        return tuple(EncoderSpec(source, _read_by(source, self.prompt)) for source in read)

    @property
    def prompt_hash(self) -> str:
        """Tells it from another encoder of this source with another prompt; empty without a prompt."""
        return "" if self.prompt is None else self.prompt.hash + self.prompt.question_hash


def _read_by(source: str, prompt: Prompt | None) -> Prompt | None:
    """What makes another encoder of this source, so that a change of all else closes none."""
    kind = split_spec(source)[0]
    if prompt is None or kind not in PROMPTED:
        return None
    return Prompt(prompt.before, prompt.after) if kind == PROBE else replace(prompt, before="", after="")


def encoder_spec(config: Config) -> EncoderSpec | None:
    """What makes the vectors that the config names; None where requests bring all that a policy reads.

    A probe's prompt is `probe_prompt`; by default what the task's teacher is told: instruction, labels, what
    they mean, and examples. A decision model is told the latter in any case.

    Raises:
        InvalidSpec: see `models.embedders.kinds`.
    """
    vectors = vectors_of(config.embedder)
    if vectors is None or not needs_encoder(config.embedder):
        return None
    if not needs_prompt(vectors):
        return EncoderSpec(vectors)
    return EncoderSpec(vectors, _prompt(config))


def _prompt(config: Config) -> Prompt:
    teacher, descriptions = config.teacher, known_descriptions(config.teacher)
    shown = ((one.text, one.label) for one in known_examples(teacher))
    told = Prompt.from_instruction(teacher.prompt, teacher.labels, descriptions, shown)
    if config.probe_prompt is None:
        return told
    own = Prompt.of(config.probe_prompt, teacher.labels, descriptions)
    return replace(told, before=own.before, after=own.after)
