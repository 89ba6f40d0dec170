"""predict: what a policy would answer for each request of a file."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from infra.console.embedder_options import (
    EmbedderName,
    PromptFile,
    read_by,
    read_for,
)
from infra.console.output import note, result
from infra.console.policy_options import PolicyFolder, Vectors
from infra.console.target_options import TARGET, Target
from infra.files.traces import STANDARD_INPUT, RequestLine, read_requests
from models.embedders.spec import needs_text
from models.features import Features
from models.policy import Policy
from schemas.messages import Reason
from streams.routing.decisions import guesses
from streams.tasks import ServingPolicy

commands = typer.Typer()


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
