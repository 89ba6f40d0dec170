"""Route by which a person sends a dead letter again, by the code of `understudy dead-letters replay`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.codec import EVENT
from schemas.events import LettersReplayedDetails
from streams.changes.change_maker import Write
from streams.dashboard.operation.required_reason import required_reason
from streams.dashboard.task_calls import TaskNames, json_response
from streams.dead_letters.letters import LetterFilter, Position
from streams.dead_letters.replay_run import Replay, run_replay
from streams.errors import DeliveryFailed, InvalidSettings, KafkaFailed, StateUnavailable
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import BodyLimit, decoder, headers_of_call, read_body
from streams.gateway.operator_check import admit_operator
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.gateway_settings import GatewaySettings
from streams.kafka.batch import Outgoing
from streams.privacy.forgotten import ForgottenRequests
from streams.settings import Settings
from streams.state.connection import Connection


class _ReplayWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    position: str
    reason: str


class Replayed(msgspec.Struct, frozen=True):
    """What became of a letter.

    Attributes:
        to: the topic that its message went to; None where another letter asks for the same request.
    """

    position: str
    to: str | None


class Replayer(Protocol):
    """Sends a letter of a task again; what became of it, None where there is no such letter. Blocks.

    Raises:
        InvalidSettings: the mask can't be used.
        KafkaFailed, DeliveryFailed, StateUnavailable: a server is away, or refuses.
    """

    def __call__(self, task: str, position: Position) -> Replay | None: ...


class LetterReplayer:
    """Args:
    forgotten: requests whose texts must not be written again.
    """

    def __init__(self, settings: Settings, forgotten: ForgottenRequests) -> None:
        self._settings = settings
        self._forgotten = forgotten

    def __call__(self, task: str, position: Position) -> Replay | None:
        wanted = LetterFilter(task=task, positions=frozenset([position]))
        run = run_replay(self._settings, self._forgotten, _open_connection, wanted, force=False, send=True)
        return next(iter(list(run)), None)


class ReplayRoutes:
    """What `/dashboard/change/replay/TASK` does. One letter at a time: its topic is read for each.

    Args:
        on_replayed: called once a letter was sent.
        events: topic of the events.
        now: Unix milliseconds.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        check: CallerCheck,
        names: TaskNames,
        replay: Replayer,
        on_replayed: Callable[[], None],
        write: Write,
        events: str,
        now: Callable[[], int],
    ) -> None:
        self._limit = BodyLimit("max_body", settings.max_body, settings.body_timeout)
        self._check = check
        self._names = names
        self._replay = replay
        self._on_replayed = on_replayed
        self._write = write
        self._events = events
        self._now = now
        self._turn = asyncio.Lock()

    def routes(self) -> list[Route]:
        return [Route("/dashboard/change/replay/{task:path}", self._send, methods=["POST"])]

    async def _send(self, call: Request) -> Response:
        headers = headers_of_call(call)
        caller = admit_operator(self._check, headers)
        task = self._names.task(call, caller)
        body = _decode(headers, await read_body(call, headers, self._limit, place_of(call.scope)))
        position = _position(body.position, task)
        reason = required_reason(body.reason, task)
        try:
            async with self._turn:
                replay = await asyncio.to_thread(self._replay, task, position)
            topic = _sent(replay, task)
            self._on_replayed()
            await self._tell(task, caller.name, reason, position)
        except (DeliveryFailed, InvalidSettings, KafkaFailed, StateUnavailable) as error:
            raise unavailable(f"{error}: look whether it was sent before trying again", task=task) from error
        return json_response(Replayed(str(position), topic))

    async def _tell(self, task: str, by: str, reason: str, position: Position) -> None:
        sentence = f"{task}: the dead letter at {position} is sent again by {by}: {reason}"
        event = LettersReplayedDetails(by, reason, (str(position),)).event(task, self._now(), sentence)
        await self._write([Outgoing(self._events, task.encode(), EVENT.encode(event))])


_decode = decoder(_ReplayWish)


def _position(text: str, task: str) -> Position:
    try:
        return Position.parse(text)
    except ValueError as error:
        raise HttpProblem(ProblemKind.INVALID, f"`position`: {error}", task=task) from error


def _sent(replay: Replay | None, task: str) -> str | None:
    """The topic that the message went to. Raises HttpProblem: nothing was sent."""
    if replay is None:
        raise HttpProblem(
            ProblemKind.NOT_FOUND, "the task has no dead letter at this position any more", task=task
        )
    if replay.refusal is not None:
        raise HttpProblem(ProblemKind.CONFLICT, f"not sent: {replay.refusal}", task=task)
    return None if replay.outgoing is None else replay.outgoing.topic


@asynccontextmanager
async def _open_connection(settings: Settings) -> AsyncIterator[Connection]:
    """A connection of its own: another event loop's can't be used."""
    connection = Connection(**settings.redis)
    try:
        yield connection
    finally:
        await connection.aclose()
