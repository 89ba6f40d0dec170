"""Redraws a view every few seconds until Ctrl-C; a server that is away is shown, and ends nothing."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from rich.console import Console, RenderableType
from rich.live import Live

from streams.errors import KafkaFailed, StateUnavailable

Read = TypeVar("Read")


class View(Generic[Read]):
    """What was read last, and why it is not newer.

    Args:
        read: raises KafkaFailed or StateUnavailable while a server is away. The first reading must succeed:
            an address may be wrong.
    """

    def __init__(self, read: Callable[[], Read]) -> None:
        self._read = read
        self.shown = read()
        self.problem: str | None = None

    def refresh(self) -> None:
        """Read again."""
        try:
            self.shown, self.problem = self._read(), None
        except (KafkaFailed, StateUnavailable) as error:
            self.problem = str(error)


def redraw(every: float, refresh: Callable[[], object], draw: Callable[[], RenderableType]) -> None:
    """Show what `draw` makes, and again after each refresh, until Ctrl-C; on a terminal in place.

    Args:
        every: seconds between two.
    """
    console = Console()
    with suppress(KeyboardInterrupt):
        if not console.is_terminal:
            while True:
                console.print(draw(), soft_wrap=True)
                time.sleep(every)
                refresh()
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(draw(), refresh=True)
                time.sleep(every)
                refresh()
