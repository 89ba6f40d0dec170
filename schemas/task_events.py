"""Events about which tasks there are, and about messages of a task that are sent again."""

from schemas.event import EventDetails, EventKind


class TasksCappedDetails(EventDetails, frozen=True):
    """A worker has met more tasks that nobody has configured than it may; emitted once in its life.

    Attributes:
        refused: the first task over the limit.
        most: the setting `unknown_tasks`.
    """

    kind = EventKind.TASKS_CAPPED
    refused: str
    most: int


class TaskRetiredDetails(EventDetails, frozen=True):
    """An operator has ended a task.

    Attributes:
        by: user and host of the command.
        reason: that the operator gave.
        redis_keys: that were removed.
    """

    kind = EventKind.TASK_RETIRED
    by: str
    reason: str
    redis_keys: int


class LettersReplayedDetails(EventDetails, frozen=True):
    """A person has sent dead letters again from the dashboard.

    Attributes:
        by: the name of the key, or `this machine`.
        reason: that was given.
        positions: of the letters, each as `partition:offset`.
    """

    kind = EventKind.LETTERS_REPLAYED
    by: str
    reason: str
    positions: tuple[str, ...]
