"""report: where a policy's report is, or a new one about other rows."""

from pathlib import Path
from typing import Annotated

import typer

from infra.console.embedder_options import EmbedderName, PromptFile, read_by, read_for
from infra.console.output import line
from infra.console.target_options import TARGET, ManyTargets, Targets
from infra.errors import InvalidFile
from infra.files.reports import REPORT, report_rows
from infra.files.traces import read_traces
from models.embedders.spec import needs_text
from models.manifest import Manifest
from models.policy import Policy

commands = typer.Typer()


@commands.command(cls=ManyTargets)
def report(
    policy: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a policy.")],
    traces: Annotated[
        Path | None,
        typer.Option(help='Make it anew from these rows, a line each: {"text", "label"[, "sampled"]}.'),
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Their vectors in .npy format, where the policy reads vectors.")
    ] = None,
    embedder: EmbedderName = None,
    prompt: PromptFile = None,
    target: Targets = [],  # noqa: B006 - typer copies it
) -> None:
    """Print where the report of a policy is: a page to open in a browser."""
    if traces is None:
        if not (policy / REPORT).is_file():
            raise InvalidFile(f"{policy}: has no {REPORT}; --traces FILE makes one from labelled rows")
        line(str(policy / REPORT))
        return
    opened = Policy.load(policy)
    reads = read_by(opened.manifest, embedder, embeddings)
    lines = read_traces(traces, texts=needs_text(reads))
    rows = read_for(opened.manifest, lines, traces, reads, embeddings, prompt)
    line(str(report_rows(opened, rows, lines, policy, target or [_usual(opened.manifest)])))


def _usual(manifest: Manifest) -> float:
    """The usual target where it is certified, else the highest that is."""
    return min(TARGET, max((point.target for point in manifest.frontier), default=TARGET))
