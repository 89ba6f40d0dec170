"""View of the demo on a terminal: the scoreboard drawn with rich, or a plain line for pipes."""

import time
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.demo.drift import DRIFT_MESSAGE
from infra.demo.scoreboard import PRICE_IN, PRICE_OUT, Scoreboard
from models.proven_share import at_least
from schemas.events import EventKind
from streams.status.task_status import TaskStatus
from streams.wording import counted

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


def screen(board: Scoreboard, status: TaskStatus | None, second: int, where: str) -> RenderableType:
    """The whole scoreboard.

    Args:
        status: of the demo's task; None while it has no policy.
        where: addresses of the demo's servers, and a command for another terminal.
    """
    return Panel(
        Group(
            _figures(board, status),
            _coverage_bars(board),
            _headline(board),
            _event_lines(board),
            Text(where, style="dim"),
        ),
        title=f"Understudy demo, second {second}",
        border_style="cyan",
    )


def line(board: Scoreboard, status: TaskStatus | None, second: int) -> str:
    """The same in one line."""
    version = status.version if status else "no policy yet"
    return (
        f"{second:4d} s  requests {board.sent}  coverage {board.coverage_now:.0%}  "
        f"agreement {_format_share(board.agreement)}, now {_format_share(board.agreement_now)}  "
        f"errors {board.labels['error']}  refits {board.refits}  {version}  {_certificate(status)}  "
        f"breaker {_breaker(status)}  saved ${board.saved:.4f}"
    )


def _figures(board: Scoreboard, status: TaskStatus | None) -> Table:
    table = Table.grid(padding=(0, 3))
    labels = board.labels
    table.add_row(
        _cell("requests", f"{board.sent:,}"),
        _cell("answered by the surrogate", f"{labels['surrogate']:,}", "green"),
        _cell("deferred to the teacher", f"{labels['teacher']:,}", "yellow"),
        _cell("errors", f"{labels['error']:,}", "red" if labels["error"] else "dim"),
    )
    table.add_row(
        _cell("coverage now", f"{board.coverage_now:.0%}", "bold green"),
        _cell(
            "agreement", f"{_format_share(board.agreement)} (target {status.target:.0%})" if status else "-"
        ),
        _cell("audits agree", f"{status.agreements} of {status.audits}" if status else "-"),
        _cell("policy", f"{status.version}, {counted(status.traces, 'trace')}" if status else "none yet"),
    )
    table.add_row(
        _cell("agreement now", _format_share(board.agreement_now)),
        _cell(
            "agreement proven by audits",
            _certificate(status),
            "bold green" if status and status.certified else "bold",
        ),
        _cell("breaker", _breaker(status), "bold red" if status and status.breaker else "bold"),
        _cell("alarms", f"{board.alarms}", "bold red" if board.alarms else "dim"),
    )
    table.add_row(
        _cell("spent on the teacher", f"${board.spent:.4f}"),
        _cell("saved", f"${board.saved:.4f}", "bold green"),
        _cell("assumed price of a million tokens", f"${PRICE_IN:g} in, ${PRICE_OUT:g} out", "dim"),
        _cell("refits", f"{board.refits}; {len(board.versions)} versions went live"),
    )
    return table


def _cell(name: str, value: str, style: str = "bold") -> Text:
    return Text.assemble((f"{name}\n", "dim"), (value, style))


def _certificate(status: TaskStatus | None) -> str:
    if status is None or not status.audits:
        return "nothing yet"
    return f"at least {at_least(status.bound)}, {'certified' if status.certified else 'not certified'}"


def _breaker(status: TaskStatus | None) -> str:
    return "open" if status and status.breaker else "closed"


def _coverage_bars(board: Scoreboard) -> Text:
    """Coverage over time as bars, each the mean of a step."""
    shares = [share for _, share in board.coverage]
    step = max(1, -(-len(shares) // _WIDTH))
    edges = [*range(0, len(shares), step), len(shares)]
    means = [sum(shares[begin:end]) / (end - begin) for begin, end in pairwise(edges)]
    bars = "".join(_BARS[round(mean * (len(_BARS) - 1))] for mean in means)
    return Text.assemble(
        ("\ncoverage  ", "dim"), (bars.ljust(_WIDTH), "green"), (f" {board.coverage_now:.0%}\n", "bold")
    )


def _headline(board: Scoreboard) -> Text:
    """Message of the newest important event, in full, below the drift that the demo has begun."""
    text = Text("")
    if board.drift_second is not None:
        text.append(
            f"{DRIFT_MESSAGE} at second {board.drift_second}; Understudy gets no notice.\n", "magenta"
        )
    if board.headline is not None:
        text.append(f"{board.headline.message}\n", _COLOURS.get(board.headline.kind, "bold"))
    return text


def _event_lines(board: Scoreboard) -> Group:
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


def _format_share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
