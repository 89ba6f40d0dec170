"""scan: what could be answered of the calls in a file, what that saves, and what it takes to prove it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

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
from infra.console.progress import progress_bar
from infra.console.scan_table import print_scan
from infra.console.target_options import DELTA, Delta, ManyTargets, Targets, probability
from infra.files.call_logs import Columns, read_calls
from infra.files.dedup import first_per_request, without_copies
from infra.files.traces import TraceLine, training_set
from models.embedders.spec import needs_text
from models.features import Features
from models.forecast.forecast import Assumptions
from models.scan import scan as scanned

commands = typer.Typer()

TARGETS = [0.90, 0.95, 0.98]
REQUESTS_A_DAY, PRICE_A_CALL, AUDIT_RATE = 100_000.0, 0.001, 0.02


@commands.command(cls=ManyTargets)
def scan(
    traces: Annotated[
        Path,
        typer.Argument(help="Past LLM calls: JSON Lines, or CSV with a header row. A text and a label each."),
    ],
    target: Targets = TARGETS,
    delta: Delta = DELTA,
    embeddings: Annotated[
        Path | None, typer.Option(help="float16 or float32 in .npy format, a row for each call.")
    ] = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    text_column: Annotated[
        str | None, typer.Option(help="Where the text is, if not under a usual name.")
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Where the label is, likewise.")] = None,
    requests_a_day: Annotated[float, typer.Option(min=1.0, help="Traffic.")] = REQUESTS_A_DAY,
    price_a_call: Annotated[
        float, typer.Option(min=0.0, help="Of one answer of the LLM, in your currency.")
    ] = PRICE_A_CALL,
    audit_rate: Annotated[
        float, typer.Option(help="Share of requests that is audited.", callback=probability)
    ] = AUDIT_RATE,
    json: AsJson = False,
) -> None:
    """Tell from past LLM calls what share could be answered without it. Exit status 1: nothing could."""
    reads = embedder_named(embedder, embeddings)
    calls = read_calls(traces, Columns(text_column, label_column), texts=needs_text(reads))
    rows = without_copies(calls)
    if len(rows) < len(calls):
        note(f"{len(calls) - len(rows):,} lines are copies of another (same id, text and label): left out")
    kept = [calls[row] for row in rows.tolist()]
    given = given_vectors(calls, traces, reads, embeddings).take(rows)
    encoder = encoder_of(reads, prompt, sorted({call.label for call in kept}))
    with progress_bar() as progress:
        made = complete_vectors(given, reads, encoder, progress)
        found = scanned(
            training_set(kept, _with_texts(made, kept)),
            first_per_request(kept),
            embedder=reads,
            targets=target,
            assumptions=Assumptions(requests_a_day, price_a_call, audit_rate, delta),
            progress=progress,
        )
    result(found) if json else print_scan(found)
    if not any(prospect.coverage for prospect in found.targets):
        raise typer.Exit(1)


def _with_texts(made: Features, calls: Sequence[TraceLine]) -> Features:
    """With the texts where each call has one, for repeats are told by them, whatever is learned from."""
    texts = [call.text for call in calls if call.text is not None]
    return Features(texts, made.embeddings) if len(texts) == len(calls) else made
