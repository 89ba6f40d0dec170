"""`understudy demo`: all roles on this machine with simulated customers, to watch it learn."""

import logging
from collections.abc import Callable
from typing import Annotated

import typer
from rich.live import Live

from infra.console.examples import examples
from infra.console.gateway_options import GatewayPort
from infra.console.logs import configure_logging
from infra.console.output import AsJson, line, note, result
from infra.demo import view
from infra.demo.run import TASK, play
from infra.demo.scoreboard import Scoreboard
from infra.serve.gateway_address import gateway_url, with_address, with_free_port
from infra.serve.servers import embedded_servers
from streams.settings import Settings, load_settings
from streams.status.task_status import TaskStatus

commands = typer.Typer()

_LINE_EVERY_S = 5
_TRY = "understudy ask 'where is my parcel?'"


@commands.command(epilog=examples("demo", "demo --drift --seconds 120", "demo --seconds 60 --json"))
def demo(
    seconds: Annotated[float, typer.Option(help="Stop after this time; by default at Ctrl-C.")] = float(
        "inf"
    ),
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live view, for pipes.")] = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="Let the teacher's answers drift on the way.")
    ] = False,
    port: GatewayPort = None,
    json: AsJson = False,
) -> None:
    """Run all roles with embedded Kafka and Redis, a simulated teacher and traffic, and watch.

    At the end no more requests are sent, and each that was sent gets its label.
    """
    configure_logging(logging.WARNING)
    configured = with_free_port(with_address(_without_servers(load_settings()), None, port))
    with embedded_servers(configured, TASK) as (settings, embedded):
        servers = f"Kafka {embedded.kafka}, Redis {embedded.redis}, gateway {gateway_url(settings)}"
        where = f"{servers}; in another terminal: {_TRY}"
        note(where)
        board = (
            _lines(settings, seconds, note if json else line, drift)
            if plain or json
            else _live_view(settings, seconds, where, drift)
        )
    if json:
        result(board.summary())


def _without_servers(settings: Settings) -> Settings:
    """The demo never touches a configured Kafka or Redis."""
    return settings.model_copy(update={"kafka": {}, "redis": {}})


def _lines(settings: Settings, seconds: float, say: Callable[[str], None], drift: bool) -> Scoreboard:
    last_line, headline, waits = -_LINE_EVERY_S, None, False

    def show(board: Scoreboard, status: TaskStatus | None, second: int) -> None:
        nonlocal last_line, headline, waits
        if second >= seconds and not waits:
            waits = True
            say(f"no more requests are sent; {len(board.unlabelled):,} wait for their labels")
        if board.headline is not None and board.headline is not headline:
            headline = board.headline
            say(headline.message)
        if second >= last_line + _LINE_EVERY_S:
            last_line = second
            say(view.line(board, status, second))

    return play(settings, seconds, show, drift=drift)


def _live_view(settings: Settings, seconds: float, where: str, drift: bool) -> Scoreboard:
    with Live(screen=False, refresh_per_second=4) as live:

        def show(board: Scoreboard, status: TaskStatus | None, second: int) -> None:
            live.update(view.screen(board, status, second, where))

        return play(settings, seconds, show, drift=drift)
