"""Reads what of a task may be changed, as it is now, and what persons have changed."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from schemas.config import EVERY_TASK, NOTHING
from schemas.operator_change import ChangedValue, OperatorChange
from streams.changes.operated_fields import OPERATED, FieldView, field_views
from streams.changes.version_catalog import version_catalog
from streams.gateway.caller_check import Caller
from streams.label_set import LabelSet
from streams.state.operator_changes import OperatorChangeLog
from streams.state.registry import Registry
from streams.tasks import Task, Tasks

HIDDEN = "not shown to this key"
_MOST_LABELS = 2_000


class MovableVersion(Struct, frozen=True):
    """Attributes:
    stage: as in its history; null where that does not reach back to it.
    is_live: it is the live version.
    waits: it waits for a person's approval.
    """

    version: str
    stage: str | None
    is_live: bool
    waits: bool


class ChangeRow(Struct, frozen=True):
    """Attributes:
    is_of_all: it was a change of the config for all tasks.
    """

    change: OperatorChange
    is_of_all: bool = False


class ChangesView(Struct, frozen=True):
    """Attributes:
    may_change: who looks may change the task.
    by: under which name that would be kept.
    labels: that the live version, or the teacher, may give.
    never_answer: of these, those that are switched off.
    versions: whose files are kept, newest first.
    pinned: why no version is promoted; null where promotions are free.
    is_stopped: the breaker is open.
    changes: newest first.
    """

    task: str
    may_change: bool
    by: str
    fields: Sequence[FieldView]
    labels: Sequence[str]
    never_answer: Sequence[str]
    versions: Sequence[MovableVersion]
    pinned: str | None
    is_stopped: bool
    changes: Sequence[ChangeRow]


class ChangesReader:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, tasks: Tasks, registry: Registry, kept: OperatorChangeLog) -> None:
        self._tasks = tasks
        self._registry = registry
        self._kept = kept

    async def read(self, task: str, caller: Caller) -> ChangesView:
        now, catalog = self._tasks.task(task), await version_catalog(self._registry, task)
        state = catalog.serving_state
        live, tried = state.active, state.candidate
        waiting = tried.version if tried is not None and tried.waits_for_approval else None
        live_version = live.version if live is not None else None
        rows = [
            MovableVersion(name, catalog.state(name), name == live_version, name == waiting)
            for name in reversed(catalog.kept)
        ]
        return ChangesView(
            task=task,
            may_change=caller.may_operate,
            by=caller.name,
            fields=field_views(now.config, self._tasks.overrides.get(task, NOTHING)),
            labels=_labels(now),
            never_answer=now.config.never_answer,
            versions=rows,
            pinned=state.pin.reason if state.pin else None,
            is_stopped=state.breaker.stops(live_version),
            changes=await self._changes(task, caller),
        )

    async def _changes(self, task: str, caller: Caller) -> list[ChangeRow]:
        """Changes of all tasks are told to those who may see all of them."""
        rows = [ChangeRow(_shown(change, caller)) for change in await self._kept.all(task)]
        if caller.allows(EVERY_TASK):
            of_all = await self._kept.all(EVERY_TASK)
            rows += [ChangeRow(_shown(change, caller), is_of_all=True) for change in of_all]
        return sorted(rows, key=lambda row: -row.change.at)


def _shown(change: OperatorChange, caller: Caller) -> OperatorChange:
    """The change as the caller may see it: examples are texts, and an app needs no URL of the teacher."""
    if caller.may_operate or change.what != "config":
        return change
    diff = (one if one.name in OPERATED else ChangedValue(one.name, HIDDEN, HIDDEN) for one in change.diff)
    return replace(change, diff=tuple(diff), undo=None)


def _labels(task: Task) -> list[str]:
    """Those that are switched off are all there: the page sends back the whole list of them."""
    off, known = dict.fromkeys(task.config.never_answer), task.live.labels if task.live else ()
    names = dict.fromkeys((*LabelSet.of(task.config.teacher).names, *known))
    rest = [name for name in names if name not in off]
    return sorted((*off, *rest[: max(0, _MOST_LABELS - len(off))]))
