"""Progress bar of a long computation: on standard error, only where that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar() -> Iterator[Callable[[float, str], None]]:
    """A function to call with the share done, in [0, 1], and the name of the step."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description:<20}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("reading", total=1.0)

        def update(share: float, doing: str) -> None:
            bar.update(shown, completed=share, description=doing)

        yield update
