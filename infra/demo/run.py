"""Run of the demo: the real roles on embedded servers, a simulated teacher behind real HTTP, and customers.

Nothing of the running system is simulated but the customers and the LLM.
"""

import asyncio
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import msgspec
from confluent_kafka import Producer

from infra.demo.scoreboard import Scoreboard, TopicWatcher
from infra.demo.shop import Shop
from infra.demo.simulated_teacher import SimulatedTeacher
from infra.serve.status import task_status
from schemas.codec import REQUEST
from schemas.config import Override, merge_overrides
from schemas.messages import Request
from streams.app import create_app
from streams.errors import KafkaFailed
from streams.kafka.clients import open_writer
from streams.settings import ROLES, Settings
from streams.status.task_status import TaskStatus

TASK = "demo"
PACE = 100.0
"""Requests a second."""
DRAIN_SECONDS = 60.0
"""For the last requests to get their labels; their teacher may have to be asked again."""

_REFRESH_S = 0.5
_STEADY: Override = {"audit_rate": 0.05}
# Two minutes have to hold what takes a busy task a day. A target well below what the surrogate reaches is
# proved in seconds. One version before drift and one after: each needs time to be certified, and an earlier
# one that is certified too would be tried again after the alarm.
_DRIFTING: Override = {
    "audit_rate": 0.5,
    "target_agreement": 0.85,
    "refit": {"at_least": 1000, "growth": 4.0},
}
_CERTIFIED_S = 10.0
"""Seconds that a version has been certified when drift strikes; without a certificate it strikes later."""
_STRIKE_SHARE = 0.5
_STRIKE_LATEST_S = 90.0

Show = Callable[[Scoreboard, TaskStatus | None, int], None]


def play(settings: Settings, seconds: float, show: Show, *, drift: bool = False) -> Scoreboard:
    """Run for these seconds or until Ctrl-C, then wait until each request has its label.

    A second Ctrl-C, or `DRAIN_SECONDS`, ends the waiting.

    Args:
        settings: lead to servers that are running.
        show: called twice a second with the scoreboard, the task's status and the second.
        drift: let drift strike once a version is certified, or at half of the time, or after 90 s.

    Raises:
        KafkaFailed: a worker broke.
    """
    shop = Shop(drifts=drift)
    strike_latest = min(_STRIKE_SHARE * seconds, _STRIKE_LATEST_S) if drift else math.inf
    with ExitStack() as stack:
        teacher = stack.enter_context(SimulatedTeacher(shop.label, shop.labels))
        config = _config(teacher.url, shop.labels, drift=drift)
        board = Scoreboard({}, merge_overrides(config).target_agreement)
        _write_config(settings, config)
        stack.enter_context(TopicWatcher(settings, board))
        with suppress(KeyboardInterrupt):
            asyncio.run(_DemoRun(settings, config, board, shop, show).run(seconds, strike_latest))
    return board


class _DemoRun:
    def __init__(
        self, settings: Settings, config: Override, board: Scoreboard, shop: Shop, show: Show
    ) -> None:
        self._settings = settings
        self._config = config
        self._board = board
        self._shop = shop
        self._show = show
        self._interrupted = False
        self._certified_at: float | None = None

    async def run(self, seconds: float, strike_latest: float) -> None:
        app = create_app(self._settings, ROLES)
        await app.start()
        try:
            with self._first_interrupt():
                async with asyncio.TaskGroup() as tasks:
                    customers = tasks.create_task(self._send_requests(strike_latest))
                    await self._watch(seconds, customers)
            if app.crashed:
                raise KafkaFailed("a worker of the demo broke, see the log above")
        finally:
            await app.stop()

    @contextmanager
    def _first_interrupt(self) -> Iterator[None]:
        """The first Ctrl-C ends the sending of requests; the next one is a KeyboardInterrupt, as usual."""
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            self._interrupted = True
            loop.remove_signal_handler(signal.SIGINT)

        loop.add_signal_handler(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _watch(self, seconds: float, customers: asyncio.Task[None]) -> None:
        """Show the state until the time is over, then until each request has its label."""
        began = time.monotonic()
        async with task_status(self._settings, TASK, merge_overrides(self._config)) as status:
            while (second := time.monotonic() - began) < seconds and not self._interrupted:
                self._show(self._board, await status(), int(second))
                await asyncio.sleep(_REFRESH_S)
            customers.cancel()
            await asyncio.wait([customers])
            end = time.monotonic() + DRAIN_SECONDS
            while self._board.unlabelled and time.monotonic() < end:
                self._show(self._board, await status(), int(time.monotonic() - began))
                await asyncio.sleep(_REFRESH_S)

    async def _send_requests(self, strike_latest: float) -> None:
        """Send the customers' requests at a steady pace; drift strikes at its time."""
        producer = open_writer(self._settings)
        began = time.monotonic()
        try:
            while True:
                second = time.monotonic() - began
                if self._board.drift_second is None and self._drift_is_due(second, strike_latest):
                    self._shop.strike()
                    self._board.drift_second = int(second)
                while self._board.sent < int(second * PACE):
                    self._send(producer)
                producer.poll(0)
                await asyncio.sleep(0.02)
        finally:
            producer.flush(10.0)

    def _drift_is_due(self, second: float, strike_latest: float) -> bool:
        if self._board.certified and self._certified_at is None:
            self._certified_at = second
        certified_at = math.inf if self._certified_at is None else self._certified_at
        return second >= min(strike_latest, certified_at + _CERTIFIED_S) and strike_latest < math.inf

    def _send(self, producer: Producer) -> None:
        utterance = self._shop.draw()
        request = Request(id=f"demo-{self._board.sent}", task=TASK, text=utterance.text)
        self._board.unlabelled[request.id] = utterance.intent
        producer.produce(self._settings.topics.requests, REQUEST.encode(request), request.id.encode())
        self._board.sent += 1


def _config(url: str, labels: Sequence[str], *, drift: bool) -> Override:
    teacher = {"url": url, "model": "simulated", "labels": labels, "concurrency": 64}
    # The simulated teacher answers the last message, whatever the prompt: so a version stands for any.
    chat = {"mode": "serve", "prompts": ["*"]}
    return {"teacher": teacher, "chat": chat, **(_DRIFTING if drift else _STEADY)}


def _write_config(settings: Settings, config: Override) -> None:
    producer = open_writer(settings)
    producer.produce(settings.topics.config, msgspec.json.encode(config), TASK.encode())
    producer.flush(10.0)
