"""A worker that writes a stage log: `python -m infra.bench.latency.timed_worker FILE worker route`.

Nobody runs it but the benchmark. The marks are set around the steps of the source and of its agent, which
know nothing of them.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.bench.latency.stage_log import StageLog, StageMark
from infra.cli import main
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import AtLeastOnce, ExactlyOnce
from streams.kafka.source import Source
from streams.roles.route import RouteRole
from streams.routing.request_router import RequestRouter

Step = Callable[..., Any]


def set_marks(log: StageLog) -> None:
    """Have the log told of all that the source of this process does; a worker of one role has one."""
    for owner, name, around in (
        (Source, "_consume", _marked_before(log, StageMark.ASKED)),
        (Source, "_agent_outputs", _batch_begun(log)),
        (RouteRole, "route_batch", _marked_before(log, StageMark.BEGUN)),
        (DeadLetters, "decode_all", _marked_after(log, StageMark.DECODED)),
        (RequestRouter, "route", _awaited_then_marked(log, StageMark.SCORED)),
    ):
        _replace(owner, name, around)
    for delivery in (ExactlyOnce, AtLeastOnce):
        prepared = [0.0]
        _replace(delivery, "send", _batch_ended(log))
        _replace(delivery, "_prepare_commit", _timed_after(prepared))
        _replace(delivery, "commit", _committed(log, prepared))


def _replace(owner: type, name: str, around: Callable[[Step], Step]) -> None:
    setattr(owner, name, around(getattr(owner, name)))


def _marked_before(log: StageLog, at: StageMark) -> Callable[[Step], Step]:
    def around(step: Step) -> Step:
        def marked(*arguments: Any) -> Any:
            log.mark(at)
            return step(*arguments)

        return marked

    return around


def _marked_after(log: StageLog, at: StageMark) -> Callable[[Step], Step]:
    def around(step: Step) -> Step:
        def marked(*arguments: Any) -> Any:
            result = step(*arguments)
            log.mark(at)
            return result

        return marked

    return around


def _awaited_then_marked(log: StageLog, at: StageMark) -> Callable[[Step], Step]:
    def around(step: Step) -> Step:
        async def marked(*arguments: Any) -> Any:
            result = await step(*arguments)
            log.mark(at)
            return result

        return marked

    return around


def _batch_begun(log: StageLog) -> Callable[[Step], Step]:
    def around(step: Step) -> Step:
        def marked(source: Source, messages: Any) -> Any:
            log.begin(messages)
            outputs = step(source, messages)
            log.mark(StageMark.ENCODED)
            return outputs

        return marked

    return around


def _batch_ended(log: StageLog) -> Callable[[Step], Step]:
    def around(step: Step) -> Step:
        def marked(*arguments: Any) -> None:
            step(*arguments)
            log.end()

        return marked

    return around


def _timed_after(times: list[float]) -> Callable[[Step], Step]:
    def around(step: Step) -> Step:
        def timed(*arguments: Any) -> None:
            step(*arguments)
            times[0] = time.monotonic()

        return timed

    return around


def _committed(log: StageLog, prepared: list[float]) -> Callable[[Step], Step]:
    def around(step: Step) -> Step:
        def marked(*arguments: Any) -> None:
            committing = time.monotonic()
            step(*arguments)
            log.commit(committing, prepared[0])

        return marked

    return around


if __name__ == "__main__":
    with StageLog(Path(sys.argv.pop(1))) as stages:
        set_marks(stages)
        main()
