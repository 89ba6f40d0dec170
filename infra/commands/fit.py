"""fit: learn a policy from traces in a file, without Kafka or Redis."""

import time
from pathlib import Path
from typing import Annotated

import typer

from infra.console.column_options import FORMATS, IdColumn, LabelColumn, TextColumn
from infra.console.currency_option import Currency
from infra.console.embedder_options import (
    EmbedderName,
    PromptFile,
    complete_vectors,
    embedder_named,
    encoder_of,
    given_vectors,
)
from infra.console.examples import examples
from infra.console.order_option import Order, TraceOrder
from infra.console.output import AsJson, note, result
from infra.console.policy_options import TaskName, Vectors
from infra.console.progress import progress_bar
from infra.console.repeats_option import Recurring
from infra.console.tables import print_fit
from infra.console.target_options import DELTA, TARGET, Delta, ManyTargets, Targets
from infra.errors import UnusableOutput
from infra.files.columns import Columns
from infra.files.dedup import first_per_request
from infra.files.reports import report_fit
from infra.files.traces import learned_lines, read_traces, training_set
from models.artifact import Artifact
from models.embedders.kinds import needs_text
from models.fit import FitRequest, Options, fit_request
from models.money import CURRENCY

commands = typer.Typer()

_EXAMPLES = examples(
    "fit traces.jsonl --out policy",
    "fit calls.csv --out policy --text-column body --label-column intent --target 0.9 0.95",
    "fit traces.jsonl --out policy --embedder 'text>model2vec:FOLDER'",
)


@commands.command(cls=ManyTargets, epilog=_EXAMPLES)
def fit(
    traces: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=f"Traces, a text and a label each (and id, sampled, weight where known): {FORMATS}.",
            allow_dash=True,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", file_okay=False, help="Folder for policy.onnx, manifest.json, report.html."
        ),
    ],
    target: Targets = [TARGET],  # noqa: B006 - typer copies it
    delta: Delta = DELTA,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    id_column: IdColumn = None,
    order: TraceOrder = Order.TIME,
    recurring: Recurring = False,
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    parent: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of a policy to start from.")
    ] = None,
    task: TaskName = "default",
    currency: Currency = CURRENCY,
    json: AsJson = False,
) -> None:
    """Learn a policy from traces, and test it at the gate.

    Where no target passes, the policy is refused with the reasons, and the exit status is 1.
    """
    reads = embedder_named(embedder, embeddings)
    lines = read_traces(traces, Columns(text_column, label_column, id_column), texts=needs_text(reads))
    rows = first_per_request(lines)
    if len(rows) < len(lines):
        note(f"{len(lines) - len(rows):,} lines repeat a request (same id and text): left out")
    rows, kept, drawn_from = learned_lines(lines, rows)
    if drawn_from is not None:
        note(f"{drawn_from:,} traces: {len(kept):,} of them are drawn to learn from")
    given = given_vectors(lines, traces, reads, embeddings).take(rows)
    encoder = encoder_of(reads, prompt, sorted({line.label for line in kept}))
    ancestor = None if parent is None else Artifact.read(parent)
    with progress_bar() as progress:
        request = FitRequest(
            training=training_set(
                kept,
                complete_vectors(given, reads, encoder, progress),
                ordered=order is Order.TIME,
                drawn_from=drawn_from,
            ),
            task=task,
            version=time.strftime("v%Y%m%d-%H%M%S", time.gmtime()),
            embedder=reads,
            targets=target,
            delta=delta,
            parent=ancestor,
            encoder=encoder.id if encoder else None,
            options=Options(recurring=recurring),
        )
        fitted = fit_request(request, progress)
    if fitted.artifact is not None:
        _write(fitted.artifact, out)
    page = report_fit(
        fitted, kept, out, task=task, targets=target, delta=delta, parent=ancestor, currency=currency
    )
    result(fitted.summary) if json else print_fit(fitted.summary, out)
    if fitted.artifact is None:
        note(f"report of the refusal: {page}")
        raise typer.Exit(1)


def _write(artifact: Artifact, folder: Path) -> None:
    try:
        artifact.write(folder)
    except OSError as error:
        raise UnusableOutput(f"{folder}: can't be written to: {error.strerror}") from error
