"""Lines of `certificate` for people: a sentence for each version, or a table of its history."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from infra.serve.certificate_history import TaskHistory, VersionHistory
from models.proven_share import at_least
from streams.certify.history import CertificatePoint, thinned_points
from streams.status.sentences import local_time

ROWS = 20
NARROWEST = 90
_WORDS = {"certified": "certified", "not_yet": "not yet", "lost": "lost"}


def history_sentences(history: TaskHistory) -> Iterator[str]:
    """A sentence for each version, the newest last."""
    for version in history.versions:
        yield version_sentence(version, counted=history.counted)
    if not history.versions:
        yield f"{history.task}: no audits yet, so nothing was certified"
    elif not history.counted:
        yield "the `certify` role counts no audits now, so nothing is certified until it does"


def version_sentence(history: VersionHistory, *, counted: bool = True) -> str:
    """Since when it is certified, or when that was lost, on how many audits.

    Args:
        history: with at least one point.
        counted: audits are counted now; where not, nothing is certified.
    """
    now = history.points[-1]
    counts = f"{now.audits:,} audits, {now.disagreed:,} disagree"
    proven = (
        "which proves nothing yet" if now.lower is None else f"which proves at least {at_least(now.lower)}"
    )
    if history.certified_since is not None:
        since = local_time(history.certified_since)
        certified = "certified" if counted else "not certified now; when audits were counted last it was"
        return f"{history.version} {certified} at least {at_least(now.target)} since {since}: {counts}"
    if history.lost_at is not None:
        return (
            f"{history.version} lost its certificate at {local_time(history.lost_at)}: {counts}, {proven}; "
            f"the target is {now.target:.1%}"
        )
    return f"{history.version} not certified yet: {counts}, {proven}; the target is {now.target:.1%}"


def print_history(history: TaskHistory) -> None:
    """A table of at most `ROWS` points a version, each change among them."""
    console = Console(highlight=False, width=max(NARROWEST, Console().width))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("version", "time", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("audits", "disagree", "proven", "target", "alarm"):
        table.add_column(name, justify="right", no_wrap=True)
    for version in history.versions:
        for point in thinned_points(version.points, ROWS):
            table.add_row(*_cells(point))
    console.print(table)


def _cells(point: CertificatePoint) -> tuple[str, ...]:
    return (
        point.version,
        local_time(point.at),
        _WORDS[point.state],
        f"{point.audits:,}",
        f"{point.disagreed:,}",
        "-" if point.lower is None else at_least(point.lower, 2),
        f"{point.target:.2%}",
        "-" if point.alarm is None else f"{point.alarm:.0%}",
    )
