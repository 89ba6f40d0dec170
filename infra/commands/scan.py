"""scan: what share of past LLM calls a surrogate could answer, and what that saves."""

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
from infra.console.policy_options import Vectors
from infra.console.progress import progress_bar
from infra.console.repeats_option import Recurring
from infra.console.scan_table import print_scan
from infra.console.target_options import DELTA, Delta, ManyTargets, Targets, probability
from infra.console.tier_option import MOST, Tier, TierChoice, TierRequests, embedder_with
from infra.files.columns import Columns
from infra.files.dedup import first_per_request, without_copies
from infra.files.traces import read_traces, training_set
from models.embedders.kinds import needs_text
from models.forecast.forecast import Assumptions
from models.money import CURRENCY
from models.scan import scan as scan_traces

commands = typer.Typer()

TARGETS = [0.90, 0.95, 0.98]
REQUESTS_A_DAY, PRICE_A_CALL, AUDIT_RATE = 100_000.0, 0.001, 0.02


@commands.command(
    cls=ManyTargets,
    epilog=examples(
        "scan calls.csv",
        "scan calls.jsonl --target 0.9 0.95 --requests-a-day 50000 --price-a-call 0.002",
        "scan calls.csv --tier probe:http://localhost:8080/v1#qwen3",
    ),
)
def scan(
    traces: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help=f"Past LLM calls, a text and a label each: {FORMATS}.", allow_dash=True
        ),
    ],
    target: Targets = TARGETS,
    delta: Delta = DELTA,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    id_column: IdColumn = None,
    order: TraceOrder = Order.TIME,
    recurring: Recurring = False,
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    tier: Tier = None,
    tier_requests: TierRequests = MOST,
    requests_a_day: Annotated[
        float, typer.Option(metavar="NUMBER", min=1.0, help="Requests a day.")
    ] = REQUESTS_A_DAY,
    price_a_call: Annotated[
        float, typer.Option(metavar="PRICE", min=0.0, help="Price of one LLM call.")
    ] = PRICE_A_CALL,
    audit_rate: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Share of requests that is audited.", callback=probability),
    ] = AUDIT_RATE,
    currency: Currency = CURRENCY,
    json: AsJson = False,
) -> None:
    """Estimate from past LLM calls what share a surrogate could answer, and what that saves.

    Exit status 1: no target passes the gate.
    """
    reads = embedder_named(embedder, embeddings)
    if tier is not None:
        embedder_with(reads, tier)
    calls = read_traces(
        traces, Columns(text_column, label_column, id_column), texts=tier is not None or needs_text(reads)
    )
    rows = without_copies(calls)
    if len(rows) < len(calls):
        note(f"{len(calls) - len(rows):,} lines are copies of another (same id, text and label): left out")
    kept = [calls[row] for row in rows.tolist()]
    given = given_vectors(calls, traces, reads, embeddings).take(rows)
    encoder = encoder_of(reads, prompt, sorted({call.label for call in kept}))
    with progress_bar() as progress:
        features = complete_vectors(given, reads, encoder, progress)
        answers = training_set(kept, features, ordered=order is Order.TIME)
        requests = first_per_request(kept)
        trial = None
        if tier is not None:
            choice = TierChoice(reads, encoder, tier, prompt, tier_requests)
            texts = [kept[row].text or "" for row in requests.tolist()]
            trial = choice.trial(answers.take(requests), texts, progress)
        scanned = scan_traces(
            answers,
            requests,
            embedder=reads,
            targets=target,
            encoder=None if encoder is None else encoder.id,
            recurring=recurring,
            assumptions=Assumptions(requests_a_day, price_a_call, audit_rate, delta),
            trial=trial,
            progress=progress,
        )
    result(scanned) if json else print_scan(scanned, currency)
    if not any(forecast.coverage for forecast in scanned.targets):
        raise typer.Exit(1)
