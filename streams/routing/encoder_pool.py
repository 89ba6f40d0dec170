"""Keeps the encoders open that this process's tasks ask for, off the event loop.

Until an encoder is open, and whenever it has failed, its tasks defer everything; it is tried again after a
pause that doubles. What is told of it is told once, not at every try or message.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from mode import Service

from models.embedders.contract import Embedder
from models.embedders.loader import open_embedder
from models.errors import EmbedderError
from streams.encoder_spec import EncoderSpec
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_LOOK = 0.2
_STEADY = 60.0


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """The last try to open an encoder.

    Attributes:
        at: monotonic seconds when it ended.
        failures: tries in a row that failed, or whose encoder failed before it had been open for a minute.
        problem: why it failed; None where it did not.
    """

    at: float
    failures: int = 0
    problem: str | None = None

    def pause(self) -> float:
        """Seconds until the next try: 1, 2, 4, up to 60."""
        return float(min(60, 2 ** min(self.failures, 6)))


class EncoderPool(Service):
    """Opens encoders into `live`, and closes those that no task asks for any longer."""

    def __init__(self, live: Tasks) -> None:
        super().__init__()
        self._live = live
        self._attempts: dict[EncoderSpec, OpenAttempt] = {}
        self._opening: set[EncoderSpec] = set()
        self._told: dict[str, str] = {}

    async def on_start(self) -> None:
        wanted = self._live.encoder_specs()
        self._opening.update(wanted)
        await asyncio.gather(*map(self._open, wanted))
        self.add_future(self._watch())

    async def _watch(self) -> None:
        while not self.should_stop:
            self._tell()
            wanted = self._live.encoder_specs()
            for unwanted in self._live.encoders.keys() - wanted:
                self._live.set_encoder(unwanted, None)
            for encoding in wanted - self._live.encoders.keys() - self._opening:
                if self._due(encoding):
                    self._opening.add(encoding)
                    self.add_future(self._open(encoding))
            await self.sleep(_LOOK)

    def _due(self, encoding: EncoderSpec) -> bool:
        last = self._attempts.get(encoding)
        return last is None or time.monotonic() - last.at >= last.pause()

    async def _open(self, encoding: EncoderSpec) -> None:
        last = self._attempts.get(encoding)
        try:
            embedder = await asyncio.to_thread(open_embedder, encoding.vectors, encoding.prompt)
        except EmbedderError as error:
            self._failed(encoding, last, str(error))
        else:
            self._opened(encoding, last, embedder)
        finally:
            self._opening.discard(encoding)

    def _opened(self, encoding: EncoderSpec, last: OpenAttempt | None, embedder: Embedder) -> None:
        flaps = last is not None and time.monotonic() - last.at < _STEADY
        self._attempts[encoding] = OpenAttempt(time.monotonic(), last.failures + 1 if last and flaps else 0)
        self._live.set_encoder(encoding, embedder)
        log.info("%s is open: %s, %d numbers", encoding.vectors, embedder.id, embedder.dimension)

    def _failed(self, encoding: EncoderSpec, last: OpenAttempt | None, problem: str) -> None:
        if last is None or last.problem != problem:
            log.error("%s; its tasks defer everything until it works", problem)
        failures = last.failures + 1 if last else 0
        self._attempts[encoding] = OpenAttempt(time.monotonic(), failures, problem)

    def _tell(self) -> None:
        """Which policies can't answer here, and why."""
        unsuited = self._live.unsuitable()
        for task, problem in unsuited.items():
            if self._told.get(task) != problem:
                log.error("task %s: %s; everything is deferred", task, problem)
        self._told = unsuited
