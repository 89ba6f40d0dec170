"""fit: learn a policy from traces in a file, without Kafka or Redis."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infra.console.embedder_options import (
    EmbedderName,
    PromptFile,
    complete_vectors,
    embedder_named,
    encoder_of,
    given_vectors,
)
from infra.console.output import AsJson, note, result
from infra.console.policy_options import Vectors
from infra.console.progress import progress_bar
from infra.console.tables import print_fit
from infra.console.target_options import DELTA, TARGET, Delta, ManyTargets, Targets
from infra.errors import UnusableOutput
from infra.files.dedup import first_per_request
from infra.files.reports import report_fit
from infra.files.traces import read_traces, training_set
from models.artifact import Artifact
from models.embedders.spec import needs_text
from models.fit import FitRequest, fit_request
from schemas.messages import TaskName

commands = typer.Typer()


def _task(name: str) -> str:
    try:
        return msgspec.convert(name, TaskName)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"`{name}` is no task's name: {error}") from error


Traces = Annotated[
    Path, typer.Argument(help='Traces, a line each: {"text", "label"[, "id", "sampled", "weight"]}.')
]


@commands.command(cls=ManyTargets)
def fit(
    traces: Traces,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder for policy.onnx, manifest.json, report.html.")
    ],
    target: Targets = [TARGET],  # noqa: B006 - typer copies it
    delta: Delta = DELTA,
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    parent: Annotated[Path | None, typer.Option(help="Folder of a policy to start from.")] = None,
    task: Annotated[str, typer.Option(help="Whose policy it will be.", callback=_task)] = "default",
    json: AsJson = False,
) -> None:
    """Learn a policy from traces and certify it; refused, with reasons, when no target can be."""
    reads = embedder_named(embedder, embeddings)
    lines = read_traces(traces, texts=needs_text(reads))
    rows = first_per_request(lines)
    if len(rows) < len(lines):
        note(f"{len(lines) - len(rows):,} lines repeat a request (same id and text): left out")
    learned = [lines[row] for row in rows.tolist()]
    given = given_vectors(lines, traces, reads, embeddings).take(rows)
    encoder = encoder_of(reads, prompt, sorted({line.label for line in learned}))
    ancestor = None if parent is None else Artifact.read(parent)
    with progress_bar() as progress:
        request = FitRequest(
            training=training_set(learned, complete_vectors(given, reads, encoder, progress)),
            task=task,
            version=time.strftime("v%Y%m%d-%H%M%S", time.gmtime()),
            embedder=reads,
            targets=target,
            delta=delta,
            parent=ancestor,
            encoder=encoder.id if encoder else None,
        )
        made = fit_request(request, progress)
    if made.artifact is not None:
        _write(made.artifact, out)
    told = report_fit(made, learned, out, task=task, targets=target, delta=delta, parent=ancestor)
    result(made.summary) if json else print_fit(made.summary, out)
    if made.artifact is None:
        note(f"why, in full: {told}")
        raise typer.Exit(1)


def _write(artifact: Artifact, folder: Path) -> None:
    try:
        artifact.write(folder)
    except OSError as error:
        raise UnusableOutput(f"{folder}: can't be written to: {error.strerror}") from error
