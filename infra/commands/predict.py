"""predict: what a policy would answer for each request of a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from infra.console.column_options import FORMATS, IdColumn, TextColumn
from infra.console.embedder_options import EmbedderName, PromptFile, read_by, read_for
from infra.console.examples import examples
from infra.console.output import customers_data, note
from infra.console.policy_options import PolicyFolder, Vectors
from infra.console.target_options import TARGET, Target
from infra.files.columns import Columns
from infra.files.formats import STANDARD_INPUT
from infra.files.traces import RequestLine, read_requests
from models.embedders.kinds import needs_text
from models.features import Features
from models.policy import Policy
from schemas.messages import Reason
from streams.routing.decisions import guesses
from streams.tasks import ServingPolicy

commands = typer.Typer()

_EXAMPLES = examples(
    "predict policy requests.jsonl",
    "predict policy tickets.csv --text-column body --target 0.9",
    "predict policy - < requests.jsonl",
)


@commands.command(epilog=_EXAMPLES)
def predict(
    policy: PolicyFolder,
    requests: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help=f"Requests, a text each (and id where known): {FORMATS}.", allow_dash=True
        ),
    ] = STANDARD_INPUT,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    target: Target = TARGET,
) -> None:
    """Print a JSON object for each request: its id, row and text, and the policy's label for it.

    `handled` says whether the policy would answer it, `reason` why not. Rows count from 1.
    """
    opened = Policy.load(policy)
    reads = read_by(opened.manifest, embedder, embeddings)
    lines = read_requests(requests, Columns(text_column, None, id_column), texts=needs_text(reads))
    features = read_for(opened.manifest, lines, requests, reads, embeddings, prompt)
    threshold = opened.manifest.threshold(target)
    if threshold is None:
        note(f"no threshold passes the gate at a target of {target:g}: none of these would be answered")
    for prediction in _predictions(opened, lines, features, threshold):
        customers_data(prediction)


def _predictions(
    policy: Policy, lines: list[RequestLine], features: Features, threshold: float | None
) -> Iterator[dict[str, Any]]:
    """Decided as a worker decides, at this threshold."""
    decided = guesses(ServingPolicy(policy, threshold, policy.manifest.labels), policy.score(features))
    for row, (line, (reason, guess)) in enumerate(zip(lines, decided, strict=True), 1):
        fields = {} if guess is None else msgspec.structs.asdict(guess)
        yield {
            "id": line.id,
            "row": row,
            "text": line.text,
            **{name: fields.get(name) for name in ("label", "score", "novelty")},
            "handled": reason is Reason.ACCEPTED,
            "reason": reason,
        }
