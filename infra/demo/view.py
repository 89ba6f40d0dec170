"""The demo on a terminal: a scoreboard drawn with rich, or a plain line for pipes."""

import time
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.demo.drift import DRIFTED
from infra.demo.scoreboard import PRICE_IN, PRICE_OUT, Scoreboard
from infra.serve.status import TaskStatus
from schemas.events import EventKind

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 60
_COLOURS = {
    EventKind.PROMOTED: "green",
    EventKind.CERTIFIED: "bold green",
    EventKind.REFUSED: "yellow",
    EventKind.DRIFT: "yellow",
    EventKind.LABEL_BLOCKED: "red",
    EventKind.ALARM: "bold red",
}


def screen(board: Scoreboard, standing: TaskStatus | None, second: int, where: str) -> RenderableType:
    """Everything at a glance.

    Args:
        standing: of the demo's task; None while it has no policy.
        where: how to reach the demo from another terminal.
    """
    return Panel(
        Group(
            _numbers(board, standing),
            _climb(board),
            _headline(board),
            _story(board),
            Text(where, style="dim"),
        ),
        title=f"Understudy demo, second {second}",
        border_style="cyan",
    )


def line(board: Scoreboard, standing: TaskStatus | None, second: int) -> str:
    """The same in one line."""
    version = standing.version if standing else "no policy yet"
    return (
        f"{second:4d} s  requests {board.sent}  coverage {board.covered:.0%}  "
        f"agreement {_share(board.agreement)}, now {_share(board.agreement_now)}  "
        f"errors {board.labels['error']}  refits {board.refits}  {version}  {_proved(standing)}  "
        f"breaker {_breaker(standing)}  saved ${board.saved:.4f}"
    )


def _numbers(board: Scoreboard, standing: TaskStatus | None) -> Table:
    table = Table.grid(padding=(0, 3))
    labels = board.labels
    table.add_row(
        _figure("requests", f"{board.sent:,}"),
        _figure("by the surrogate", f"{labels['surrogate']:,}", "green"),
        _figure("by the teacher", f"{labels['teacher']:,}", "yellow"),
        _figure("errors", f"{labels['error']:,}", "red" if labels["error"] else "dim"),
    )
    table.add_row(
        _figure("coverage now", f"{board.covered:.0%}", "bold green"),
        _figure(
            "agreement", f"{_share(board.agreement)} (target {standing.target:.0%})" if standing else "-"
        ),
        _figure("audits agree", f"{standing.agreements} of {standing.audits}" if standing else "-"),
        _figure("policy", f"{standing.version}, {standing.traces:,} traces" if standing else "none yet"),
    )
    table.add_row(
        _figure("agreement now", _share(board.agreement_now)),
        _figure(
            "proved by audits", _proved(standing), "bold green" if standing and standing.certified else "bold"
        ),
        _figure("breaker", _breaker(standing), "bold red" if standing and standing.breaker else "bold"),
        _figure("alarms", f"{board.alarms}", "bold red" if board.alarms else "dim"),
    )
    table.add_row(
        _figure("spent on the teacher", f"${board.spent:.4f}"),
        _figure("saved", f"${board.saved:.4f}", "bold green"),
        _figure("at", f"${PRICE_IN:g} in, ${PRICE_OUT:g} out a million tokens", "dim"),
        _figure("refits", f"{board.refits}, {len(board.versions)} went live"),
    )
    return table


def _figure(name: str, value: str, style: str = "bold") -> Text:
    return Text.assemble((f"{name}\n", "dim"), (value, style))


def _proved(standing: TaskStatus | None) -> str:
    if standing is None or not standing.audits:
        return "nothing yet"
    return f"{'certified, ' if standing.certified else ''}at least {standing.bound:.1%}"


def _breaker(standing: TaskStatus | None) -> str:
    return "open" if standing and standing.breaker else "closed"


def _climb(board: Scoreboard) -> Text:
    """Coverage over time, a column a step."""
    shares = [share for _, share in board.coverage]
    step = max(1, -(-len(shares) // _WIDTH))
    edges = [*range(0, len(shares), step), len(shares)]
    means = [sum(shares[begin:end]) / (end - begin) for begin, end in pairwise(edges)]
    bars = "".join(_BARS[round(mean * (len(_BARS) - 1))] for mean in means)
    return Text.assemble(
        ("\ncoverage  ", "dim"), (bars.ljust(_WIDTH), "green"), (f" {board.covered:.0%}\n", "bold")
    )


def _headline(board: Scoreboard) -> Text:
    """The sentence that says what happened, in full, after the drift that led to it."""
    said = Text("")
    if board.struck is not None:
        said.append(f"{DRIFTED} at second {board.struck}; nobody has told Understudy.\n", "magenta")
    if board.headline is not None:
        said.append(f"{board.headline.message}\n", _COLOURS.get(board.headline.kind, "bold"))
    return said


def _story(board: Scoreboard) -> Group:
    return Group(
        *(
            Text(
                f"{time.strftime('%H:%M:%S', time.localtime(event.at / 1000))}  {event.message}",
                style=_COLOURS.get(event.kind, ""),
                overflow="ellipsis",
                no_wrap=True,
            )
            for event in board.events
        ),
        Text(""),
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
