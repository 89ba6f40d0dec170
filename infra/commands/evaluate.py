"""evaluate: how often a policy agrees with labelled rows."""

from pathlib import Path
from typing import Annotated

import typer

from infra.console.column_options import FORMATS, LabelColumn, TextColumn
from infra.console.embedder_options import EmbedderName, PromptFile, read_by, read_for
from infra.console.examples import examples
from infra.console.output import AsJson, result
from infra.console.policy_options import PolicyFolder, Vectors
from infra.console.tables import print_evaluation
from infra.console.target_options import ManyTargets, Targets
from infra.files.columns import Columns
from infra.files.traces import read_traces
from models.embedders.kinds import needs_text
from models.evaluate import evaluate as evaluate_policy
from models.manifest import grid
from models.policy import Policy

commands = typer.Typer()


@commands.command(
    cls=ManyTargets,
    epilog=examples("evaluate policy test.jsonl", "evaluate policy test.csv --target 0.9 0.95 --json"),
)
def evaluate(
    policy: PolicyFolder,
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=f"Rows that the policy was not fitted on, a text and the teacher's label each: {FORMATS}.",
            allow_dash=True,
        ),
    ],
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    target: Targets = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """Measure coverage and agreement of a policy on rows with the teacher's labels.

    Exit status 1: the agreement is significantly below a target.
    """
    opened = Policy.load(policy)
    reads = read_by(opened.manifest, embedder, embeddings)
    lines = read_traces(labelled, Columns(text_column, label_column), texts=needs_text(reads))
    features = read_for(opened.manifest, lines, labelled, reads, embeddings, prompt)
    targets = target or grid([point.target for point in opened.manifest.frontier])
    evaluation = evaluate_policy(opened, features, [line.label for line in lines], targets)
    result(evaluation) if json else print_evaluation(evaluation)
    if any(outcome.violation for outcome in evaluation.targets):
        raise typer.Exit(1)
