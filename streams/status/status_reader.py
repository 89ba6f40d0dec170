"""Reads the status of tasks from Redis, as `status` and the dashboard show it: of all, in few round trips."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from models.errors import InvalidSpec, PolicyError
from models.manifest import Manifest
from schemas.config import Config
from schemas.redis_keys import Keys
from streams.errors import StateUnreadable
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.guard import GuardStore
from streams.state.registry import Registry
from streams.state.task_readings import TaskCounts, TaskReadings
from streams.status.task_status import (
    TaskStatus,
    service_certificate,
    version_status,
    with_audits,
    with_repeats,
    with_sampling,
    with_serving,
)
from streams.versions.guard_state import Guard
from streams.versions.serving_state import ActiveVersion, ServingState

ReadStatus = TaskStatus | StateUnreadable | None
"""The status of a task; None while it has no policy."""


class _Fitted(NamedTuple):
    """What a manifest says of a version under a config: it is read once, since it never changes."""

    active: ActiveVersion
    config: Config
    status: TaskStatus


class StatusReader:
    """Reads registry and audits over one connection. Every method raises StateUnavailable."""

    def __init__(self, connection: Connection, keys: Keys, policies_kept: int) -> None:
        self.registry = Registry(connection, keys, policies_kept)
        self.audits = AuditStore(connection, keys)
        self.readings = TaskReadings(connection, keys)
        self._guard = GuardStore(connection, keys)
        self._fitted: dict[str, _Fitted] = {}

    async def guard(self) -> Guard:
        """Since when nobody may have counted audits; of all tasks."""
        return await self._guard.read() or Guard(unseen=True)

    async def status_of(self, task: str, config: Config, guard: Guard) -> TaskStatus | None:
        """The status of one task; None while it has no policy.

        Raises:
            StateUnreadable: what Redis holds of the task is of another release, or broken.
        """
        status = (await self._read({task: config}, guard))[task]
        if isinstance(status, StateUnreadable):
            raise status
        return status

    async def statuses(self, configs: Mapping[str, Config], guard: Guard) -> dict[str, ReadStatus]:
        """The status of each of these tasks."""
        for gone in self._fitted.keys() - configs.keys():
            del self._fitted[gone]
        return await self._read(configs, guard)

    async def _read(self, configs: Mapping[str, Config], guard: Guard) -> dict[str, ReadStatus]:
        found = await self.readings.serving_states(configs)
        states = {task: state for task, state in found.items() if isinstance(state, ServingState)}
        live = {task: state.active for task, state in states.items() if state.active is not None}
        fitted = await self._read_fitted(live, configs)
        versions = {task: of.active.version for task, of in fitted.items() if isinstance(of, _Fitted)}
        counts = await self.readings.counts(versions)
        return {
            task: _status(state, fitted.get(task), counts.get(task), guard) for task, state in found.items()
        }

    async def _read_fitted(
        self, live: Mapping[str, ActiveVersion], configs: Mapping[str, Config]
    ) -> dict[str, "_Fitted | StateUnreadable"]:
        """What the live versions were fitted for; without those whose manifest is gone."""
        known: dict[str, _Fitted | StateUnreadable] = {
            task: kept
            for task, active in live.items()
            if (kept := self._fitted.get(task)) and (kept.active, kept.config) == (active, configs[task])
        }
        unread = {task: active.version for task, active in live.items() if task not in known}
        for task, raw in (await self.readings.manifests(unread)).items():
            if raw is not None:
                known[task] = read = _fitted(task, live[task], raw, configs[task])
                if isinstance(read, _Fitted):
                    self._fitted[task] = read
        return known


def _fitted(task: str, active: ActiveVersion, raw: bytes, config: Config) -> _Fitted | StateUnreadable:
    try:
        return _Fitted(active, config, version_status(task, active, Manifest.decode(raw), config))
    except (PolicyError, InvalidSpec) as error:
        return StateUnreadable(
            f"a policy in Redis can't be read: task={task} version={active.version}: {error}"
        )


def _status(
    state: ServingState | StateUnreadable,
    fitted: _Fitted | StateUnreadable | None,
    counts: TaskCounts | StateUnreadable | None,
    guard: Guard,
) -> ReadStatus:
    for read in (state, fitted, counts):
        if isinstance(read, StateUnreadable):
            return read
    if not isinstance(state, ServingState) or not isinstance(fitted, _Fitted):
        return None
    if not isinstance(counts, TaskCounts):
        return None
    config, status = fitted.config, fitted.status
    sampling = replace(
        counts.sampling,
        certified=counts.sampling.certified and guard.is_fresh,
        new_labels=bool(status.new_labels),
    )
    status = with_serving(status, state, config, guard)
    status = with_audits(status, counts.certificate, config, guard)
    status = with_repeats(status, counts.repeats, config)
    status = with_sampling(status, sampling, counts.certifying, config)
    return replace(status, service=service_certificate(counts.service, guard, status.target))
