"""report: where a policy's report is, or a new one about other rows."""

from pathlib import Path
from typing import Annotated

import typer

from infra.console.column_options import FORMATS, LabelColumn, TextColumn
from infra.console.currency_option import Currency
from infra.console.embedder_options import EmbedderName, PromptFile, read_by, read_for
from infra.console.examples import examples
from infra.console.output import line
from infra.console.policy_options import PolicyFolder, Vectors
from infra.console.target_options import TARGET, ManyTargets, Targets
from infra.errors import InvalidFile
from infra.files.columns import Columns
from infra.files.reports import REPORT, report_rows
from infra.files.traces import read_traces
from models.embedders.kinds import needs_text
from models.manifest import Manifest
from models.money import CURRENCY
from models.policy import Policy

commands = typer.Typer()


@commands.command(
    cls=ManyTargets, epilog=examples("report policy", "report policy --traces test.jsonl --target 0.9")
)
def report(
    policy: PolicyFolder,
    traces: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help=f"Write a new report about these rows, a text and a label each: {FORMATS}."
        ),
    ] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    embeddings: Vectors = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    target: Targets = [],  # noqa: B006 - typer copies it
    currency: Currency = CURRENCY,
) -> None:
    """Print where the report of a policy is: a page to open in a browser."""
    if not policy.is_dir():
        raise InvalidFile(f"{policy}: there is no such folder")
    if traces is None:
        if not (policy / REPORT).is_file():
            raise InvalidFile(f"{policy}: has no {REPORT}; --traces FILE makes one from labelled rows")
        line(str(policy / REPORT))
        return
    opened = Policy.load(policy)
    reads = read_by(opened.manifest, embedder, embeddings)
    lines = read_traces(traces, Columns(text_column, label_column), texts=needs_text(reads))
    features = read_for(opened.manifest, lines, traces, reads, embeddings, prompt)
    targets = target or [_default_target(opened.manifest)]
    line(str(report_rows(opened, features, lines, policy, targets, currency)))


def _default_target(manifest: Manifest) -> float:
    """The usual target where it passes the gate, else the highest that does."""
    return min(TARGET, max((point.target for point in manifest.frontier), default=TARGET))
