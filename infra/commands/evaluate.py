"""evaluate: how often a policy agrees with labelled rows."""

from pathlib import Path
from typing import Annotated

import typer

from infra.console.embedder_options import (
    EmbedderName,
    PromptFile,
    read_by,
    read_for,
)
from infra.console.output import AsJson, result
from infra.console.policy_options import PolicyFolder, Vectors
from infra.console.tables import print_evaluation
from infra.console.target_options import ManyTargets, Targets
from infra.files.traces import read_traces
from models.embedders.spec import needs_text
from models.evaluate import evaluate as judged
from models.manifest import grid
from models.policy import Policy

commands = typer.Typer()


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
