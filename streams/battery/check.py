"""Battery check: asks a version the cases of its task before it goes live. Where it can't, it refuses."""

from collections.abc import Sequence
from functools import partial

from models.artifact import Artifact
from models.embedders.contract import Embedder
from models.embedders.loader import open_embedder
from models.errors import ModelError
from models.policy import Policy
from schemas.battery import BatteryCase
from schemas.config import Config
from streams.battery.case_results import CaseResult, case_results, failure_sentence
from streams.encoder_spec import encoder_spec
from streams.errors import BatteryUnreadable
from streams.routing.daemon_thread import CallPanicked, run_in_daemon
from streams.state.battery import BatteryStore


async def battery_failure(
    store: BatteryStore,
    task: str,
    config: Config,
    artifact: Artifact | None,
    blocked: frozenset[str] = frozenset(),
) -> str | None:
    """Why the battery keeps the version from going live; None where it does not.

    A battery that can't be read, and a version or an encoder that can't be opened, keep it from that too.

    Args:
        artifact: the version's files; None where they are gone.
        blocked: labels that audits have blocked for it.

    Raises:
        StateUnavailable: Redis is away.
    """
    try:
        cases = await store.cases(task)
        results = await battery_results(task, config, artifact, cases, blocked)
    except (BatteryUnreadable, ModelError) as error:
        return f"the task's battery could not be run, so it does not go live now: {error}"
    return failure_sentence(results)


async def battery_results(
    task: str,
    config: Config,
    artifact: Artifact | None,
    cases: Sequence[BatteryCase],
    blocked: frozenset[str] = frozenset(),
) -> list[CaseResult]:
    """What the version does with each case.

    Raises:
        BatteryUnreadable: the version's files are gone, or a package in Rust has panicked.
        ModelError: the version, or the encoder that it needs, can't be opened.
    """
    if not cases:
        return []
    if artifact is None:
        raise BatteryUnreadable("the files of the version are gone")
    ask = partial(_results, task, config, artifact, cases, blocked)
    try:
        # An encoder that hangs keeps no process from ending.
        return await run_in_daemon(ask, f"battery-{task}")
    except CallPanicked as error:
        raise BatteryUnreadable(str(error)) from error


def _results(
    task: str, config: Config, artifact: Artifact, cases: Sequence[BatteryCase], blocked: frozenset[str]
) -> list[CaseResult]:
    policy = Policy.open(artifact.manifest, artifact.graph)
    return case_results(task, config, policy, blocked, cases, _encoder(config))


def _encoder(config: Config) -> Embedder | None:
    spec = encoder_spec(config)
    return None if spec is None else open_embedder(spec.vectors, spec.prompt)
