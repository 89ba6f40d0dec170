"""Answers from texts alone that the watch for drift has not counted yet.

The watch compares all that a version decides with its training, and where a cascade's first stage answers at
once, the rest is decided later, by an encoder's vectors, be it in the role `encode`. So the guesses behind
these answers go with the next text that waits, and are counted together with it.
"""

from collections.abc import Iterable

from schemas.messages import Guess

_MOST = 200
"""Of a task. A request whose message is lost, or counted twice, does the watch no harm."""


class TextAnswers:
    """Used on the event loop only."""

    def __init__(self) -> None:
        self._guesses: dict[str, list[Guess]] = {}

    def note(self, task: str, guesses: Iterable[Guess]) -> None:
        """Keep the guesses of a task; the newest, where they are too many."""
        if found := list(guesses):
            self._guesses[task] = [*self._guesses.get(task, []), *found][-_MOST:]

    def take(self, task: str) -> tuple[Guess, ...]:
        """The guesses that are to be counted with the next text of the task."""
        return tuple(self._guesses.pop(task, ()))
