"""fit, predict, evaluate: learn a policy from files, try it, and judge it, without Kafka or Redis."""

import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from infra.console.embedder_options import (
    EmbedderName,
    PromptFile,
    complete_vectors,
    embedder_named,
    encoder_of,
    given_vectors,
    read_by,
    read_for,
)
from infra.console.output import AsJson, note, result
from infra.console.progress import progress_bar
from infra.console.tables import print_evaluation, print_fit
from infra.console.target_options import DELTA, TARGET, Delta, ManyTargets, Target, Targets
from infra.errors import UnusableOutput
from infra.files.dedup import first_per_request
from infra.files.reports import report_fit
from infra.files.traces import STANDARD_INPUT, RequestLine, read_requests, read_traces, training_set
from models.artifact import Artifact
from models.embedders.spec import needs_text
from models.evaluate import evaluate as judged
from models.features import Features
from models.fit import fit as fitted
from models.manifest import grid
from models.policy import Policy
from schemas.messages import Reason, TaskName
from streams.routing.decisions import guesses
from streams.tasks import ServingPolicy

commands = typer.Typer()


def _task(name: str) -> str:
    try:
        return msgspec.convert(name, TaskName)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"`{name}` is no task's name: {error}") from error


Traces = Annotated[
    Path, typer.Argument(help='Traces, a line each: {"text", "label"[, "id", "sampled", "weight"]}.')
]
PolicyFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a policy.")]
Vectors = Annotated[
    Path | None,
    typer.Option(help="float16 or float32 in .npy format, a row for each line."),
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
        made = fitted(
            training_set(learned, complete_vectors(given, reads, encoder, progress)),
            task=task,
            version=time.strftime("v%Y%m%d-%H%M%S", time.gmtime()),
            embedder=reads,
            targets=target,
            delta=delta,
            parent=ancestor,
            encoder=encoder.id if encoder else None,
            progress=progress,
        )
    if made.artifact is not None:
        _write(made.artifact, out)
    told = report_fit(made, learned, out, task=task, targets=target, delta=delta, parent=ancestor)
    result(made.summary) if json else print_fit(made.summary, out)
    if made.artifact is None:
        note(f"why, in full: {told}")
        raise typer.Exit(1)


@commands.command()
def predict(
    policy: PolicyFolder,
    requests: Annotated[
        Path,
        typer.Argument(
            help='Requests, a line each: {"text"[, "id"]}; `-` for standard input.', allow_dash=True
        ),
    ] = STANDARD_INPUT,
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    target: Target = TARGET,
) -> None:
    """Print what a policy makes of each request, an object a line, and whether it would answer it itself."""
    opened = Policy.load(policy)
    reads = read_by(opened.manifest, embedder, embeddings)
    lines = read_requests(requests, texts=needs_text(reads))
    rows = read_for(opened.manifest, lines, requests, reads, embeddings, prompt)
    threshold = opened.manifest.threshold(target)
    if threshold is None:
        note(f"nothing is certified for an agreement of {target:g} or more: none of these would be answered")
    for prediction in _predictions(opened, lines, rows, threshold):
        result(prediction)


@commands.command(cls=ManyTargets)
def evaluate(
    policy: PolicyFolder,
    labelled: Annotated[Path, typer.Argument(help='Labelled texts, a line each: {"text", "label"}.')],
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    target: Targets = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """Judge a policy on rows with the teacher's labels. Exit status 1: a target is significantly missed."""
    opened = Policy.load(policy)
    reads = read_by(opened.manifest, embedder, embeddings)
    lines = read_traces(labelled, texts=needs_text(reads))
    rows = read_for(opened.manifest, lines, labelled, reads, embeddings, prompt)
    targets = target or grid([point.target for point in opened.manifest.frontier])
    found = judged(opened, rows, [row.label for row in lines], targets)
    result(found) if json else print_evaluation(found)
    if any(outcome.violation for outcome in found.targets):
        raise typer.Exit(1)


def _write(artifact: Artifact, folder: Path) -> None:
    try:
        artifact.write(folder)
    except OSError as error:
        raise UnusableOutput(f"{folder}: can't be written to: {error.strerror}") from error


def _predictions(
    policy: Policy, lines: list[RequestLine], rows: Features, threshold: float | None
) -> list[dict[str, Any]]:
    """Decided as a worker decides, at this threshold."""
    made = []
    found = guesses(ServingPolicy(policy, threshold), policy.score(rows))
    for asked, (reason, guessed) in zip(lines, found, strict=True):
        guess = {} if guessed is None else msgspec.structs.asdict(guessed)
        kept = {name: guess.get(name) for name in ("label", "score", "novelty")}
        made.append({"id": asked.id, **kept, "handled": reason is Reason.ACCEPTED, "reason": reason})
    return made
