"""Encoders of this process's tasks: opens them off the event loop, and closes those no task needs.

Until an encoder is open, and after it has failed, its tasks defer everything; it is tried again after a pause
that doubles. Each problem is logged once, not at every try or message. One behind an address is open only
while it makes the vectors that it made at first (`streams.routing.encoder_identity`). Tasks that name the
same one share it, and the vectors that it keeps; a check asks the encoder itself.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from mode import Service

from models.embedders.contract import Embedder
from models.embedders.kinds import MODEL2VEC, split_spec
from models.embedders.loader import open_embedder
from models.embedders.vector_cache import CachedEmbedder, encoder_behind
from models.errors import EmbedderError, EncoderChanged
from schemas.secrets import masked
from schemas.urls import masked_url
from streams.clock import unix_ms
from streams.encoder_spec import EncoderSpec
from streams.errors import StateUnavailable
from streams.routing.daemon_thread import CallPanicked, run_in_daemon
from streams.state.workers import EncoderReport
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_POLL = 0.2
_STEADY = 60.0
_CHECK = 30.0
"""Seconds between two checks whether an open encoder is still the same."""
_FAILED = "it has failed on texts, as the log says, and is opened again"
_START = 20.0
"""Seconds for which the start waits; an encoder that takes longer holds up no other."""


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


class _OpenState(NamedTuple):
    """Whether an encoder is open, and since when that is so, Unix milliseconds."""

    is_open: bool
    since: int


Check = Callable[[EncoderSpec, Embedder], Awaitable[None]]


class EncoderPool(Service):
    """Opens the encoders that the tasks' configs name, and closes those that no config names any more.

    Args:
        check: raises where an encoder must not be used; see `EncoderIdentity.check`.
    """

    def __init__(self, tasks: Tasks, check: Check) -> None:
        super().__init__()
        self._live_tasks = tasks
        self._check = check
        self._checked_at: dict[EncoderSpec, float] = {}
        self._checking: set[EncoderSpec] = set()
        self._attempts: dict[EncoderSpec, OpenAttempt] = {}
        self._states: dict[EncoderSpec, _OpenState] = {}
        self._opening: set[EncoderSpec] = set()
        self._logged: dict[str, str] = {}

    async def on_start(self) -> None:
        wanted = self._live_tasks.encoder_specs()
        self._opening.update(wanted)
        if opening := [self.add_future(self._open(encoding)) for encoding in wanted]:
            await asyncio.wait(opening, timeout=_START)
        self.add_future(self._watch())

    def reports(self) -> list[EncoderReport]:
        """How each encoder is that tasks name; without those that are opened for the first time."""
        return [
            EncoderReport(
                masked_url(encoding.vectors),
                encoding.prompt_hash,
                self._states[encoding].since,
                "" if self._states[encoding].is_open else self._problem(encoding),
            )
            for encoding in self._live_tasks.encoder_specs()
            if encoding in self._states
        ]

    async def _watch(self) -> None:
        while not self.should_stop:
            self._log_unsuitable()
            wanted = self._live_tasks.encoder_specs()
            for unwanted in self._live_tasks.encoders.keys() - wanted:
                self._live_tasks.set_encoder(unwanted, None)
                self._checked_at.pop(unwanted, None)
            for closed in self._states.keys() - self._live_tasks.encoders.keys():
                if closed in wanted:
                    self._note(closed, is_open=False)
                else:
                    del self._states[closed]
            for encoding in wanted - self._live_tasks.encoders.keys() - self._opening:
                if self._due(encoding):
                    self._opening.add(encoding)
                    self.add_future(self._open(encoding))
            for encoding, embedder in dict(self._live_tasks.encoders).items():
                if encoding not in self._checking and self._check_is_due(encoding):
                    self._checking.add(encoding)
                    self.add_future(self._check_again(encoding, embedder))
            await self.sleep(_POLL)

    def _due(self, encoding: EncoderSpec) -> bool:
        last = self._attempts.get(encoding)
        return last is None or time.monotonic() - last.at >= last.pause()

    def _check_is_due(self, encoding: EncoderSpec) -> bool:
        return time.monotonic() - self._checked_at.get(encoding, 0.0) >= _CHECK

    async def _open(self, encoding: EncoderSpec) -> None:
        last = self._attempts.get(encoding)
        try:
            open_it = partial(open_embedder, encoding.vectors, encoding.prompt)
            embedder = await run_in_daemon(open_it, f"open-{encoding.vectors}")
            await self._check(encoding, embedder)
        except (EmbedderError, CallPanicked, StateUnavailable) as error:
            self._on_failure(encoding, last, str(error))
        else:
            self._on_open(encoding, last, _with_cache(encoding, embedder))
        finally:
            self._opening.discard(encoding)

    async def _check_again(self, encoding: EncoderSpec, embedder: Embedder) -> None:
        """Close it if it has become another. One that fails otherwise is closed by who asks it next."""
        try:
            await self._check(encoding, encoder_behind(embedder))
        except EncoderChanged as error:
            self._live_tasks.drop_encoder(embedder)
            self._on_failure(encoding, self._attempts.get(encoding), str(error))
        except (EmbedderError, CallPanicked, StateUnavailable) as error:
            log.debug("an encoder could not be checked: spec=%s: %s", encoding.vectors, error)
        finally:
            if isinstance(embedder, CachedEmbedder):
                embedder.age()
            self._checking.discard(encoding)
            self._checked_at[encoding] = time.monotonic()

    def _on_open(self, encoding: EncoderSpec, last: OpenAttempt | None, embedder: Embedder) -> None:
        flaps = last is not None and time.monotonic() - last.at < _STEADY
        self._attempts[encoding] = OpenAttempt(time.monotonic(), last.failures + 1 if last and flaps else 0)
        self._checked_at[encoding] = time.monotonic()
        self._live_tasks.set_encoder(encoding, embedder)
        self._note(encoding, is_open=True)
        log.info(
            "encoder is open: spec=%s id=%s dimension=%d", encoding.vectors, embedder.id, embedder.dimension
        )

    def _on_failure(self, encoding: EncoderSpec, last: OpenAttempt | None, problem: str) -> None:
        if last is None or last.problem != problem:
            log.error("encoder failed to open, its tasks defer everything until it opens: %s", problem)
        failures = last.failures + 1 if last else 0
        self._attempts[encoding] = OpenAttempt(time.monotonic(), failures, problem)
        self._note(encoding, is_open=False)

    def _note(self, encoding: EncoderSpec, *, is_open: bool) -> None:
        before = self._states.get(encoding)
        if before is None or before.is_open is not is_open:
            self._states[encoding] = _OpenState(is_open, unix_ms())

    def _problem(self, encoding: EncoderSpec) -> str:
        """Why it is not open; one that was open and failed on texts has not been tried since."""
        last = self._attempts.get(encoding)
        return masked(last.problem) if last is not None and last.problem else _FAILED

    def _log_unsuitable(self) -> None:
        """Log which tasks can have no answer here, and why."""
        unsuited = self._live_tasks.unsuitable()
        for task, problem in unsuited.items():
            if self._logged.get(task) != problem:
                log.error("everything is deferred: %s, task=%s", problem, task)
        self._logged = unsuited


def _with_cache(encoding: EncoderSpec, embedder: Embedder) -> Embedder:
    """Static embeddings go without: they are made as fast as they are found."""
    return embedder if split_spec(encoding.vectors)[0] == MODEL2VEC else CachedEmbedder(embedder)
