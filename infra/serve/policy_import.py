"""Takes a policy that was fitted offline live, as the trainer does with one that it has fitted.

It has to be whole, to read what the task's config names, and to have passed the gate for its target. It gets
the name of a next version of the task, goes on trial where `promotion` says so, and its audits start from
zero. The gate has tested it on the traces of its file: whether these are a sample of the task's traffic, only
the operator knows.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from infra.serve.config_topic import read_overrides
from infra.serve.registry_access import with_registry
from models.artifact import Artifact
from models.embedders.loader import open_embedder
from models.manifest import Manifest, point_for
from models.policy import Policy
from schemas.codec import TRACE
from schemas.config import Config, config_of
from schemas.errors import SchemaError
from schemas.events import Event
from schemas.messages import Trace
from schemas.version_events import OPERATOR
from streams.battery.check import battery_failure
from streams.clock import unix_ms
from streams.encoder_spec import encoder_spec
from streams.errors import TransitionRefused
from streams.kafka.message import as_bytes
from streams.kafka.topic_client import Reader
from streams.settings import Settings
from streams.state.registry import Registry
from streams.tasks import threshold, unsuitable_reason
from streams.trainer.comparison import better_live_version
from streams.versions.events import on_trial_event, transition_event
from streams.versions.lifecycle import VersionStage
from streams.versions.promotion import plan_of
from streams.versions.serving_state import ServingChange
from streams.versions.transitions import VersionOrigin
from streams.versions.version_names import version_name, version_serial

_ANY_TASK = "default"
# The trainer may be fitting the next version under the next name.
_APART = 1


@dataclass(frozen=True, slots=True)
class PolicyImport:
    """What an operator says of a policy.

    Attributes:
        folder: of `policy.onnx` and `manifest.json`.
        traces_since: Unix milliseconds; no older trace calibrated it or tested its thresholds. 0: not known.
        reason: for its history.
        even_if_less: also where it would answer less than a live version that does well.
    """

    folder: Path
    traces_since: int
    reason: str
    even_if_less: bool = False


def import_policy(settings: Settings, task: str, given: PolicyImport) -> Event:
    """The event of a version that is live or on trial now.

    Raises:
        PolicyError: the files are no policy, or were changed.
        TransitionRefused: says why it may not go live.
        EmbedderError: the encoder that the config names can't be opened.
        KafkaFailed, StateUnavailable: no server.
    """
    config = config_of(task, read_overrides(settings))
    artifact = Artifact.read(given.folder)
    manifest = Policy.open(artifact.manifest, artifact.graph).manifest
    _check(manifest, task, config)
    _check_age(manifest, given)
    traces, highest = _read_traces(settings, task, config.refit.window)

    async def publish(registry: Registry) -> tuple[ServingChange, str, int]:
        state, now = await registry.serving_state(task), unix_ms()
        await _check_traces(registry, task, given, state.certify_from)
        if not given.even_if_less and not state.breaker.open:
            await _check_coverage(registry, task, config, manifest, traces)
        serial = max(await registry.next_serial(task), highest + 1) + _APART
        version = version_name(serial)
        named = Artifact(replace(manifest, task=task, version=version).encode(), artifact.graph)
        origin = VersionOrigin(OPERATOR, f"imported, fitted as {manifest.version}: {given.reason}")
        failure = await battery_failure(registry.battery, task, config, named)
        if failure is not None:
            raise TransitionRefused(failure)
        plan, since = plan_of(config), given.traces_since
        change = await registry.publish(task, version, serial, state.fence, named, now, plan, since, origin)
        if change is None:
            raise TransitionRefused("another trainer has taken over just now; try again")
        return change, version, now

    change, version, now = with_registry(settings, publish)
    return _event(task, version, change, now)


def _event(task: str, version: str, change: ServingChange, now: int) -> Event:
    candidate = change.serving_state.candidate
    if change.moves[-1].after is VersionStage.LIVE or candidate is None:
        return transition_event(task, change, now)
    return on_trial_event(task, version, candidate.plan.mode, candidate.plan, now)


def _check(manifest: Manifest, task: str, config: Config) -> None:
    """Raises TransitionRefused: with everything that keeps the policy from answering for the task."""
    problems = []
    if manifest.task not in (task, _ANY_TASK):
        problems.append(f"it was fitted for the task {manifest.task}")
    spec = encoder_spec(config) if manifest.embedder == config.embedder else None
    encoder = None if spec is None else open_embedder(spec.vectors, spec.prompt)
    if (unsuitable := unsuitable_reason(manifest, config, encoder)) is not None:
        problems.append(unsuitable)
    if threshold(manifest, config) is None:
        problems.append(_gate_problem(manifest, config))
    if problems:
        raise TransitionRefused("; ".join(problems))


def _gate_problem(manifest: Manifest, config: Config) -> str:
    passed = ", ".join(f"{point.target:g}" for point in manifest.frontier) or "none"
    wanted = f"fit it with --target {config.aim:g} --delta {config.delta:g}"
    if manifest.delta > config.delta:
        given = f"it passed the gate at a delta of {manifest.delta:g}"
        return f"{given}, and the config says {config.delta:g}: {wanted}"
    return f"it passed the gate for no target of {config.aim:g} or more (passed: {passed}): {wanted}"


def _check_age(manifest: Manifest, given: PolicyImport) -> None:
    """Raises TransitionRefused: it is older than the traces that are said to have tested it."""
    if given.traces_since > manifest.created_at:
        raise TransitionRefused(
            f"it was fitted at {_iso(manifest.created_at)}, so no trace since {_iso(given.traces_since)} has "
            "tested it: check --traces-since, or fit it again"
        )


async def _check_traces(registry: Registry, task: str, given: PolicyImport, alarm: int) -> None:
    """Raises TransitionRefused: an alarm or another teacher may contradict the traces of the policy."""
    since = max(alarm, await registry.teacher_since(task))
    if given.traces_since < since:
        what = "the alarm" if alarm == since else "the change of teacher"
        raise TransitionRefused(
            f"{what} at {_iso(since)} may contradict the traces that tested it: fit it on traces since then "
            "and say so with --traces-since"
        )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")


async def _check_coverage(
    registry: Registry, task: str, config: Config, manifest: Manifest, traces: Sequence[Trace]
) -> None:
    """Raises TransitionRefused: a live version that does well answers more."""
    point = point_for(manifest.frontier, config.aim)
    since = await registry.teacher_since(task)
    reason = await better_live_version(
        registry, task, config, manifest, point.coverage if point else 0.0, traces, since
    )
    if reason is not None:
        raise TransitionRefused(f"{reason} (--even-if-less takes it all the same)")


def _read_traces(settings: Settings, task: str, most: int) -> tuple[list[Trace], int]:
    """The task's newest traces, and the highest serial number of a version that any trace of it names."""
    newest: deque[Trace] = deque(maxlen=most)
    serial = 0
    reader = Reader(settings, settings.topics.traces, from_start=True)
    try:
        for message in reader.to_end():
            try:
                trace = TRACE.decode(as_bytes(message.value()))
            except SchemaError:
                continue
            if trace.task == task:
                newest.append(trace)
                guesses = (trace.guess, trace.shadow)
                serial = max(serial, *(version_serial(one.policy) if one else 0 for one in guesses))
    finally:
        reader.close()
    return list(newest), serial
