"""Caps the labels of a task without a label set: a text must not make the teacher mint labels without end.

The first `teacher.most_labels` different labels count, and those that the live version answers with. A reply
with another one becomes an error, and once a day an event says so.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from schemas.events import Event, LabelsCappedDetails
from schemas.messages import Reply
from streams.state.free_labels import FreeLabel, FreeLabels
from streams.state.known_labels import live_labels
from streams.state.registry import Registry
from streams.tasks import Tasks


class LabelCap:
    """Turns replies with a label too many into errors.

    Args:
        registry: where the live versions are; labels that they answer with always count.
        publish: called with the events.
    """

    def __init__(
        self, tasks: Tasks, labels: FreeLabels, registry: Registry, publish: Callable[[Event], None]
    ) -> None:
        self._tasks = tasks
        self._labels = labels
        self._registry = registry
        self._publish = publish

    async def apply(self, replies: Sequence[Reply], now: int) -> list[Reply]:
        """The replies, in their order, some of them with an error in place of their label.

        Args:
            now: Unix milliseconds.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        asked = [(at, free) for at, reply in enumerate(replies) if (free := self._free_label(reply))]
        admitted = await self._labels.admit([free for _, free in asked])
        beyond = [(at, free) for (at, free), counts in zip(asked, admitted, strict=True) if not counts]
        live = {task: await self._live_labels(task) for task in {free.task for _, free in beyond}}
        capped = list(replies)
        for at, free in beyond:
            if free.label not in live[free.task]:
                capped[at] = replace(replies[at], label=None, confidence=None, error=_error(free))
                await self._tell(free, now)
        return capped

    def _free_label(self, reply: Reply) -> FreeLabel | None:
        task = reply.deferral.request.task
        teacher = self._tasks.task(task).config.teacher
        if reply.label is None or teacher.labels:
            return None
        return FreeLabel(task, teacher.labels_renamed.get(reply.label, reply.label), teacher.most_labels)

    async def _live_labels(self, task: str) -> set[str]:
        """Those that the live version answers with, by their names of today."""
        renamed = self._tasks.task(task).config.teacher.labels_renamed
        return {renamed.get(label, label) for label in await live_labels(self._registry, task)}

    async def _tell(self, free: FreeLabel, now: int) -> None:
        if await self._labels.is_news(free.task):
            details = LabelsCappedDetails(free.label, free.most)
            self._publish(details.event(free.task, now, f"{free.task}: {_error(free)}"))


def _error(free: FreeLabel) -> str:
    return (
        f"the teacher said {free.label!r}, a label beyond the {free.most} that `teacher.most_labels` allows: "
        f"set `teacher.labels`, or raise `teacher.most_labels`"
    )
