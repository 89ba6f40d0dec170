"""The demo: the real roles on embedded servers, a simulated teacher behind real HTTP, and customers who ask.

Nothing of the running system is simulated but the customers and the LLM.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

import msgspec
from confluent_kafka import Producer

from infra.demo.answers import Answers
from infra.demo.scoreboard import Scoreboard
from infra.demo.simulated_teacher import SimulatedTeacher
from infra.demo.traffic import LABELS, Traffic
from infra.demo.watching import Watcher
from infra.serve.standing import Standing, standing_of
from schemas.codec import REQUEST
from schemas.config import merged, parse_override
from schemas.messages import Request
from streams.app import create_app
from streams.errors import KafkaFailed
from streams.kafka.connect import open_writer
from streams.settings import ROLES, Settings

TASK = "demo"
PACE = 100.0
_LOOK = 0.5

Shown = Callable[[Scoreboard, Standing | None, int], None]


def play(settings: Settings, seconds: float, shown: Shown) -> Scoreboard:
    """Run for so many seconds, or until interrupted.

    Args:
        settings: lead to servers that are running.
        shown: called twice a second with the state of things.

    Raises:
        KafkaFailed: a worker broke.
    """
    truth: dict[str, str] = {}
    board, answers = Scoreboard(truth), Answers()
    with ExitStack() as stack:
        teacher = stack.enter_context(SimulatedTeacher(answers.label, LABELS))
        _configure(settings, teacher.url)
        stack.enter_context(Watcher(settings, board))
        with suppress(KeyboardInterrupt):
            asyncio.run(_Play(settings, board, answers, truth, shown).run(seconds))
    return board


class _Play:
    def __init__(
        self, settings: Settings, board: Scoreboard, answers: Answers, truth: dict[str, str], shown: Shown
    ) -> None:
        self._settings = settings
        self._board = board
        self._answers = answers
        self._truth = truth
        self._shown = shown

    async def run(self, seconds: float) -> None:
        app = create_app(self._settings, ROLES)
        await app.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                customers = tasks.create_task(self._ask())
                await self._look(seconds)
                customers.cancel()
            if app.crashed:
                raise KafkaFailed("a worker of the demo broke, see the log above")
        finally:
            await app.stop()

    async def _ask(self) -> None:
        """Customers, at a steady pace."""
        producer, traffic = open_writer(self._settings), Traffic()
        began = time.monotonic()
        while True:
            due = int((time.monotonic() - began) * PACE)
            while self._board.sent < due:
                self._send(producer, traffic)
            producer.poll(0)
            await asyncio.sleep(0.02)

    def _send(self, producer: Producer, traffic: Traffic) -> None:
        utterance = traffic.draw()
        request = Request(id=f"demo-{self._board.sent}", task=TASK, text=utterance.text)
        self._answers.remember(utterance)
        self._truth[request.id] = utterance.intent
        producer.produce(self._settings.topics.requests, REQUEST.encode(request), request.id.encode())
        self._board.sent += 1

    async def _look(self, seconds: float) -> None:
        began = time.monotonic()
        config = merged(parse_override(msgspec.json.encode(_config(""))))
        async with standing_of(self._settings, TASK, config) as look:
            while (second := time.monotonic() - began) < seconds:
                self._shown(self._board, await look(), int(second))
                await asyncio.sleep(_LOOK)


def _config(url: str) -> dict[str, object]:
    return {
        "teacher": {"url": url, "model": "simulated", "labels": LABELS, "concurrency": 64},
        "audit_rate": 0.05,
    }


def _configure(settings: Settings, url: str) -> None:
    producer = open_writer(settings)
    producer.produce(settings.topics.config, msgspec.json.encode(_config(url)), TASK.encode())
    producer.flush(10.0)
