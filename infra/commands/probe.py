"""probe: find the layer of an LLM that a probe reads best, and cut a checkpoint there."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from infra.console.column_options import FORMATS, LabelColumn, TextColumn
from infra.console.embedder_options import PromptFile, prompt_of
from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.console.progress import progress_bar
from infra.console.sweep_table import print_sweep
from infra.errors import InvalidFile
from infra.files.columns import Columns
from infra.files.traces import read_traces
from models.language_model.checkpoint import read_checkpoint
from models.language_model.sweep import FOLDS, PromptReader, cheapest_good, compare
from models.language_model.truncate import truncate
from models.language_model.truncate_folder import truncate_folder

commands = typer.Typer()

probe = typer.Typer(
    help="Find the layer of an LLM that a probe reads best, and cut a checkpoint there.", no_args_is_help=True
)
commands.add_typer(probe, name="probe")

Checkpoint = Annotated[
    Path, typer.Option("--model", metavar="FILE", help="Checkpoint: GGUF, architecture llama.")
]
MINUTES, MOST, STEP = 10.0, 1_000, 1


@probe.command(
    "sweep",
    epilog=examples(
        "probe sweep calls.jsonl --model SmolLM2.gguf", "probe sweep calls.csv --model m.gguf --every 3"
    ),
)
def probe_sweep(
    traces: Annotated[
        Path, typer.Argument(metavar="TRACES", help=f"Past LLM calls, a text and a label each: {FORMATS}.")
    ],
    model: Checkpoint,
    prompt: PromptFile = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    most: Annotated[int, typer.Option(min=50, help="Texts to read at most, drawn at random.")] = MOST,
    every: Annotated[int, typer.Option(min=1, help="Look at every so manieth layer, and the last.")] = STEP,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time for reading the texts.")] = MINUTES,
    json: AsJson = False,
) -> None:
    """Compare what the layers of an LLM hold of your texts, by the accuracy of a probe on each.

    Every text is read in the probe's prompt, here and on the CPU; the accuracies are cross-validated.
    """
    calls = read_traces(traces, Columns(text_column, label_column, None), texts=True)
    order = np.random.default_rng(0).permutation(len(calls))[:most].tolist()
    labels = sorted({call.label for call in calls})
    checkpoint = read_checkpoint(model)
    reader = PromptReader(checkpoint, prompt_of(prompt, labels), labels)
    with progress_bar() as progress:
        read = reader.read(
            [calls[row].text or "" for row in order],
            minutes * 60,
            lambda share: progress(0.7 * share, "reading"),
        )
        if len(read.rows) < len(order):
            why = "time was up (--minutes), or texts are too long"
            note(f"{len(read.rows):,} of {len(order):,} texts read: {why}")
        kept, codes = _comparable(traces, [calls[order[row]].label for row in read.rows.tolist()])
        readings = compare(
            read.of(kept),
            codes,
            [*range(every, depth := len(checkpoint.blocks), every), depth],
            progress=lambda share: progress(0.7 + 0.3 * share, "comparing layers"),
        )
    chosen, seconds = cheapest_good(readings), read.seconds / len(read.rows)
    if json:
        result({"texts": len(kept), "seconds_a_text": seconds, "readings": readings, "chosen": chosen})
        return
    print_sweep(readings, chosen, len(kept), seconds)
    if chosen.layer < depth:
        cut = f"{model.stem}-{chosen.layer}.gguf"
        line(f"understudy probe truncate {model} --layer {chosen.layer} --out {cut}")


def _comparable(traces: Path, labels: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows whose label comes often enough to be held out, and their labels' codes. Raises InvalidFile."""
    counts = Counter(labels)
    kept = [row for row, label in enumerate(labels) if counts[label] >= FOLDS]
    names = sorted({labels[row] for row in kept})
    if len(names) < 2:
        raise InvalidFile(
            f"{traces}: of {len(labels):,} texts that were read, fewer than two labels have {FOLDS}: "
            "raise --most or --minutes"
        )
    return np.array(kept, dtype=np.int64), np.array([names.index(labels[row]) for row in kept])


@probe.command(
    "truncate",
    epilog=examples(
        "probe truncate SmolLM2.gguf --layer 21 --out SmolLM2-21.gguf",
        "probe truncate Qwen3-4B --layer 24 --out Qwen3-4B-24",
    ),
)
def probe_truncate(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="GGUF file, architecture llama; or a folder of safetensors with layers named `layers.N`.",
        ),
    ],
    layer: Annotated[int, typer.Option(min=1, help="How many layers to keep.")],
    out: Annotated[Path, typer.Option(metavar="PATH", help="File or folder to write; nothing is there yet.")],
    norm: Annotated[
        bool,
        typer.Option(
            "--norm/--no-norm", help="Keep the final norm's weights, learned for the last layer; else ones."
        ),
    ] = True,
) -> None:
    """Write the first layers of a model, so that a server pools their states with ordinary means.

    The copy is read back and compared: its states, where they can be computed here, else its weights.
    """
    if out.exists():
        raise typer.BadParameter(f"{out} is there already", param_hint="--out")
    compared = "states"
    if not model.is_dir():
        truncate(model, out, layer, keep_norm=norm)
    elif not truncate_folder(model, out, layer, keep_norm=norm):
        compared = "weights"
    note(f"{out}: {layer} layers, {compared} as in {model}; serve it with pooling of the last token")
