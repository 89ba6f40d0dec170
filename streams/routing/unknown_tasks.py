"""Caps the tasks that nobody has configured: whoever may send requests must not make tasks without end.

Any name is a task, asked about by the teacher of `*`. Each costs memory, keys in Redis, and calls.
"""

from collections.abc import Callable

from schemas.config import EVERY_TASK
from schemas.events import Event, TasksCappedDetails
from streams.clock import unix_ms
from streams.tasks import Tasks


class UnknownTasks:
    """Admits the first so many of them that this process meets.

    Args:
        most: of them.
        publish: called with the event, once.
    """

    def __init__(self, tasks: Tasks, most: int, publish: Callable[[Event], None]) -> None:
        self._live_tasks = tasks
        self._most = most
        self._publish = publish
        self._admitted: set[str] = set()
        self._has_told = False

    def refusal(self, name: str) -> str | None:
        """Why requests of this task are refused; None where they are not."""
        if name in self._admitted or self._live_tasks.knows(name):
            return None
        if len(self._admitted) < self._most:
            self._admitted.add(name)
            return None
        if not self._has_told:
            self._has_told = True
            self._publish(self._event(name))
        return (
            f"task {name} is not configured, and more than {self._most} such tasks were met: "
            f"`understudy config set {name} paused=false` makes it known, or raise UNDERSTUDY_UNKNOWN_TASKS"
        )

    def _event(self, name: str) -> Event:
        sentence = (
            f"requests of tasks that are not configured are refused from now on, since more than "
            f"{self._most} were met; the first is {name}"
        )
        return TasksCappedDetails(name, self._most).event(EVERY_TASK, unix_ms(), sentence)
