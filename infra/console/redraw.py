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
        read: raises KafkaFailed or StateUnavailable while a server is away.
    """

    def __init__(self, read: Callable[[], Read]) -> None:
        self._read = read
        self.newest: Read | None = None
        self.problem: str | None = None

    def refresh(self) -> None:
        """Read again."""
        try:
            self.newest, self.problem = self._read(), None
        except (KafkaFailed, StateUnavailable) as error:
            self.problem = str(error)


def redraw(every: float, refresh: Callable[[], object], draw: Callable[[], RenderableType]) -> None:
    """Show what `draw` makes after each refresh, until Ctrl-C: in the same place on a terminal, else in turn.

    Args:
        every: seconds between two.
    """
    console = Console()
    with suppress(KeyboardInterrupt):
        if not console.is_terminal:
            while True:
                refresh()
                console.print(draw(), soft_wrap=True)
                time.sleep(every)
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                refresh()
                live.update(draw(), refresh=True)
                time.sleep(every)
