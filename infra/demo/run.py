"""The demo: the real roles on embedded servers, a simulated teacher behind real HTTP, and customers who ask.

Nothing of the running system is simulated but the customers and the LLM.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

import msgspec
from confluent_kafka import Producer

from infra.demo.scoreboard import Scoreboard, TopicWatcher
from infra.demo.shop import Shop
from infra.demo.simulated_teacher import SimulatedTeacher
from infra.serve.status import TaskStatus, task_status
from schemas.codec import REQUEST
from schemas.config import Override, merged
from schemas.messages import Request
from streams.app import create_app
from streams.errors import KafkaFailed
from streams.kafka.connect import open_writer
from streams.settings import ROLES, Settings

TASK = "demo"
PACE = 100.0
_LOOK = 0.5
_STEADY: Override = {"audit_rate": 0.05}
# Two minutes have to hold what takes a busy task a day. A target well below what the surrogate reaches is
# proved in seconds. One version before drift and one after: each needs time to be certified, and an earlier
# one that is certified too would be tried again after the alarm.
_DRIFTING: Override = {
    "audit_rate": 0.5,
    "target_agreement": 0.85,
    "refit": {"at_least": 1000, "growth": 4.0},
}
_STRIKES = 0.45
_STRIKES_AT_LATEST = 50.0

Shown = Callable[[Scoreboard, TaskStatus | None, int], None]


def play(settings: Settings, seconds: float, shown: Shown, *, drift: bool = False) -> Scoreboard:
    """Run for so many seconds, or until interrupted.

    Args:
        settings: lead to servers that are running.
        shown: called twice a second with the state of things.
        drift: let drift strike, a little before half of the time is over.

    Raises:
        KafkaFailed: a worker broke.
    """
    truth: dict[str, str] = {}
    shop = Shop(drifts=drift)
    strikes = min(_STRIKES * seconds, _STRIKES_AT_LATEST) if drift else math.inf
    with ExitStack() as stack:
        teacher = stack.enter_context(SimulatedTeacher(shop.label, shop.labels))
        config = _config(teacher.url, shop.labels, drift=drift)
        board = Scoreboard(truth, merged(config).target_agreement)
        _configure(settings, config)
        stack.enter_context(TopicWatcher(settings, board))
        with suppress(KeyboardInterrupt):
            asyncio.run(_DemoRun(settings, config, board, shop, truth, shown).run(seconds, strikes))
    return board


class _DemoRun:
    def __init__(
        self,
        settings: Settings,
        config: Override,
        board: Scoreboard,
        shop: Shop,
        truth: dict[str, str],
        shown: Shown,
    ) -> None:
        self._settings = settings
        self._config = config
        self._board = board
        self._shop = shop
        self._truth = truth
        self._shown = shown

    async def run(self, seconds: float, strikes: float) -> None:
        app = create_app(self._settings, ROLES)
        await app.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                customers = tasks.create_task(self._ask(strikes))
                await self._look(seconds)
                customers.cancel()
            if app.crashed:
                raise KafkaFailed("a worker of the demo broke, see the log above")
        finally:
            await app.stop()

    async def _ask(self, strikes: float) -> None:
        """Customers, at a steady pace; drift strikes after so many seconds."""
        producer = open_writer(self._settings)
        began = time.monotonic()
        while True:
            second = time.monotonic() - began
            if second >= strikes and self._board.struck is None:
                self._shop.strike()
                self._board.struck = int(second)
            while self._board.sent < int(second * PACE):
                self._send(producer)
            producer.poll(0)
            await asyncio.sleep(0.02)

    def _send(self, producer: Producer) -> None:
        utterance = self._shop.draw()
        request = Request(id=f"demo-{self._board.sent}", task=TASK, text=utterance.text)
        self._truth[request.id] = utterance.intent
        producer.produce(self._settings.topics.requests, REQUEST.encode(request), request.id.encode())
        self._board.sent += 1

    async def _look(self, seconds: float) -> None:
        began = time.monotonic()
        async with task_status(self._settings, TASK, merged(self._config)) as look:
            while (second := time.monotonic() - began) < seconds:
                self._shown(self._board, await look(), int(second))
                await asyncio.sleep(_LOOK)


def _config(url: str, labels: Sequence[str], *, drift: bool) -> Override:
    taught = {"url": url, "model": "simulated", "labels": labels, "concurrency": 64}
    return {"teacher": taught, **(_DRIFTING if drift else _STEADY)}


def _configure(settings: Settings, config: Override) -> None:
    producer = open_writer(settings)
    producer.produce(settings.topics.config, msgspec.json.encode(config), TASK.encode())
    producer.flush(10.0)
