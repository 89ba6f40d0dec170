"""Table of `top`: a row a task, what needs a person first."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.console.status_lines import backlog_sentence, oldest_sentences
from infra.serve.overview import Overview
from models.money import format_money
from models.proven_share import at_least
from schemas.secrets import masked
from streams.status.claim import ClaimState, claim_of
from streams.status.task_status import TaskStatus
from streams.wording import counted

_WORDS = ("task", "version", "claim")
_COLUMNS = (*_WORDS, "answered", "a second", "proven", "target", "audits", "alarm", "today")
_STYLES = {
    ClaimState.STOPPED: "bold red",
    ClaimState.LOST: "yellow",
    ClaimState.NOT_YET: "yellow",
    ClaimState.CERTIFIED: "green",
}
_ALARMING = 0.5
"""Share of the level at which the alarm is raised; chance alone goes up to there every now and then."""


def top_table(overview: Overview, currency: str) -> RenderableType:
    """All tasks: those that nothing is answered of come first, then those without a certificate."""
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in _WORDS else "right", no_wrap=name != "claim")
    for status in sorted(overview.statuses, key=_urgency):
        table.add_row(*_cells(overview, status, currency))
    for missing in overview.missing:
        table.add_row(Text(missing.task), "none", "no policy yet", *_traffic(overview, missing.task))
    lines = [
        # A reason may quote an error of the LLM.
        *(masked(f"{missing.task}: {missing.reason}") for missing in overview.missing),
        backlog_sentence(overview.backlog),
        *oldest_sentences(overview.backlog, overview.at),
    ]
    return Group(table, Text(), *(Text(one, "dim") for one in lines))


def _urgency(status: TaskStatus) -> tuple[int, str]:
    return claim_of(status).state.urgency, status.task


def _cells(overview: Overview, status: TaskStatus, currency: str) -> list[RenderableType]:
    claim = claim_of(status)
    spent = overview.spending[status.task]
    return [
        Text(status.task),
        Text(status.version + (f" ({status.candidate})" if status.candidate else "")),
        Text(claim.words, _STYLES[claim.state]),
        *_traffic(overview, status.task),
        Text(at_least(status.bound) if status.audits else "-"),
        Text(f"{status.target:.1%}"),
        Text(f"{status.agreements:,} of {status.audits:,}"),
        Text(f"{min(status.alarm, 1.0):.0%}", "red" if status.alarm > _ALARMING else ""),
        Text(format_money(spent.money, currency) if spent.money else counted(spent.all_calls, "call")),
    ]


def _traffic(overview: Overview, task: str) -> tuple[str, str]:
    """Share answered, and labels a second."""
    seen = overview.traffic.get(task)
    if seen is None or seen.coverage is None:
        return "-", "0"
    return f"{seen.coverage:.0%}", f"{seen.rate:.3g}"
