"""A dead letter is sent again by who may operate alone, with who and why in an event."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from schemas.api_keys import ApiKey
from schemas.codec import EVENT
from schemas.events import LettersReplayedDetails
from streams.dashboard.operation.replay_routes import ReplayRoutes
from streams.dashboard.task_calls import TaskNames
from streams.dashboard.tasks.label_counts import LabelCounts
from streams.dead_letters.letters import DeadLetter, Position
from streams.dead_letters.replay_run import Replay
from streams.errors import KafkaFailed
from streams.gateway.app import create_gateway
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.keys import create_key
from streams.gateway.operator_check import CHANGE_HEADER
from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings
from streams.kafka.batch import Outgoing
from streams.tasks import Tasks
from tests.streams.dashboard.scripted import BEGAN

TASK = "tickets"
PLACE = Position(2, 17)
LETTER = DeadLetter(PLACE, BEGAN, "route", "no JSON", "t.requests", BEGAN, TASK, "r1", 0, b"r1", b"{}", [])
CHANGES = {CHANGE_HEADER: "dashboard"}


@dataclass
class Replays:
    """Attributes:
    outcome: of each; an error is raised.
    asked: so far.
    told: messages that were written.
    noted: how often a letter was noted as sent.
    """

    outcome: Replay | KafkaFailed | None = field(
        default_factory=lambda: Replay(LETTER, Outgoing("t.requests", b"r1", b"{}"))
    )
    asked: list[tuple[str, Position]] = field(default_factory=list)
    told: list[Outgoing] = field(default_factory=list)
    noted: int = 0

    def __call__(self, task: str, position: Position) -> Replay | None:
        self.asked.append((task, position))
        if isinstance(self.outcome, KafkaFailed):
            raise self.outcome
        return self.outcome

    def note(self) -> None:
        self.noted += 1

    async def write(self, outgoing: Sequence[Outgoing]) -> None:
        self.told += outgoing


@asynccontextmanager
async def served(
    replays: Replays, keys: Mapping[str, ApiKey] | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    settings, tasks = GatewaySettings(port=0), Tasks()
    tasks.configure(TASK, {"target_agreement": 0.95})
    check = CallerCheck(is_local=True, keys=lambda: keys or {})
    names = TaskNames(tasks, lambda _: LabelCounts())
    routes = ReplayRoutes(
        settings, check, names, replays, replays.note, replays.write, "t.events", lambda: BEGAN
    ).routes()
    server = GatewayServer(create_gateway(settings, routes, call_limits(settings)), settings, 5.0)
    await server.start()
    try:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            yield client
    finally:
        await server.stop()


async def send(
    client: httpx2.AsyncClient,
    position: str = "2:17",
    reason: str = "the mask was wrong",
    headers: Mapping[str, str] = CHANGES,
) -> httpx2.Response:
    path = f"/dashboard/change/replay/{TASK}"
    return await client.post(path, json={"position": position, "reason": reason}, headers=dict(headers))


async def test_a_letter_is_sent_and_an_event_says_who_and_why() -> None:
    replays = Replays()
    async with served(replays) as client:
        answer = await send(client)
    assert (answer.status_code, answer.json()) == (200, {"position": "2:17", "to": "t.requests"})
    assert (replays.asked, replays.noted) == ([(TASK, PLACE)], 1)
    [told] = replays.told
    event = EVENT.decode(told.value)
    assert (told.topic, event.task, event.at) == ("t.events", TASK, BEGAN)
    details = LettersReplayedDetails.of(event)
    assert (details.by, details.reason, details.positions) == (
        "this machine",
        "the mask was wrong",
        ("2:17",),
    )


async def test_who_may_only_look_sends_nothing() -> None:
    looks, looking = create_key("app", ("*",), "serve", 1)
    acts, acting = create_key("ann", (TASK,), "serve", 1, operate=True)
    foreign, other = create_key("bob", ("other",), "serve", 1, operate=True)
    replays = Replays()
    async with served(replays, {key.id: key for key in (looking, acting, other)}) as client:
        statuses = [
            (await send(client, headers=headers)).status_code
            for headers in (
                CHANGES,
                {"x-understudy-key": acts},
                {**CHANGES, "x-understudy-key": looks},
                {**CHANGES, "x-understudy-key": foreign},
                {**CHANGES, "x-understudy-key": acts, "sec-fetch-site": "cross-site"},
            )
        ]
        assert (statuses, replays.asked) == ([401, 403, 403, 403, 403], [])
        assert (await send(client, headers={**CHANGES, "x-understudy-key": acts})).status_code == 200
    assert LettersReplayedDetails.of(EVENT.decode(replays.told[0].value)).by == "ann"


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (Replay(LETTER, None, "its text is to be forgotten"), 409, "forgotten"),
        (None, 404, "no dead letter at this position"),
        (KafkaFailed("no broker answers"), 503, "look whether it was sent"),
    ],
)
async def test_what_is_not_sent_says_why_and_makes_no_event(
    outcome: Replay | KafkaFailed | None, status: int, said: str
) -> None:
    replays = Replays(outcome)
    async with served(replays) as client:
        answer = await send(client)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True)
    assert (replays.told, replays.noted) == ([], 0)


@pytest.mark.parametrize(("position", "reason"), [("2-17", "why"), ("2:17", "  "), ("2:17", "a\nb")])
async def test_a_position_and_a_reason_are_asked_for(position: str, reason: str) -> None:
    replays = Replays()
    async with served(replays) as client:
        assert (await send(client, position, reason)).status_code == 400
    assert replays.asked == []
