"""The texts that wait for one encoder, and the thread that it works on.

There is one call of the encoder at a time, on a part of the texts of one task; tasks take turns, and parts
grow while they are fast. Where the task has further encoders, what this one leaves open goes on to the queue
of the next. A text is decided without a vector

- where it has waited for `LONGEST_WAIT`, or would: the encoder is slower than its texts come;
- where its part takes longer than `LONGEST_PART`, or the encoder fails. It is closed then, and opened again
  by `streams.routing.encoder_pool`;
- at once while the call hangs: no second call is made beside it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from models.embedders.contract import Embedder
from models.errors import EmbedderError
from schemas.messages import Reason
from streams.encoder_spec import EncoderSpec, encoder_spec
from streams.routing.canary import canary_mask
from streams.routing.daemon_thread import run_in_daemon
from streams.routing.encoded_part import (
    DecidedPart,
    DecidedText,
    OpenText,
    TextToDecide,
    decide_part,
    decide_without_vectors,
)
from streams.routing.encoder_pace import FIRST_PART, SLOW, EncoderPace
from streams.routing.waiting_text import TextOwner, WaitingText
from streams.sampling import Sampler
from streams.spending.encoder_use import EncoderUse
from streams.tasks import Task

log = logging.getLogger(__name__)

LONGEST_WAIT = 5.0
"""Seconds until a text's turn, in this process."""
LONGEST_PART = 15.0
"""Seconds."""
_SAY_AGAIN = 10.0
_ANY = 1_000_000


class _TaskTexts(NamedTuple):
    owner: TextOwner
    name: str


@dataclass(slots=True)
class _RunningPart:
    """Attributes:
    encoders: of the task up to the one that works on it.
    is_given_up: its texts were decided without vectors; what the call returns is of no use.
    """

    of: _TaskTexts
    task: Task
    encoders: Sequence[Embedder]
    waiting: list[WaitingText]
    texts: list[TextToDecide]
    begun: float
    is_given_up: bool = False

    @property
    def embedder(self) -> Embedder:
        return self.encoders[-1]


PassOn = Callable[[TextOwner, str, Sequence[WaitingText]], None]
Measure = Callable[[str, str, EncoderUse], None]
"""Told of a task, the id of an encoder, and its use."""


class EncoderQueue:
    """Used on the event loop only.

    Args:
        pass_on: told of texts of a task that wait for its next encoder.
        measure: told of each part that was decided.
    """

    def __init__(
        self,
        spec: EncoderSpec | None,
        sampler: Sampler,
        pass_on: PassOn,
        measure: Measure = lambda *_: None,
    ) -> None:
        self._spec = spec
        self._sampler = sampler
        self._pass_on = pass_on
        self._measure = measure
        self._waiting: dict[_TaskTexts, deque[WaitingText]] = {}
        self._count = 0
        self._running: _RunningPart | None = None
        self._pace = EncoderPace()
        self._late = 0
        self._said_at = -_SAY_AGAIN

    def add(self, owner: TextOwner, name: str, texts: Sequence[WaitingText]) -> None:
        """Have the texts decided, each when its vector is made or won't be."""
        of = _TaskTexts(owner, name)
        if self._running is not None and self._running.is_given_up:
            self._decide_without(of, texts)
            return
        room = self._room()
        if kept := texts[:room]:
            self._waiting.setdefault(of, deque()).extend(kept)
            self._count += len(kept)
        if rest := texts[room:]:
            self._late += len(rest)
            self._decide_without(of, rest)
        self._start_next()

    def look(self) -> None:
        """Give up what has waited for too long."""
        now, part = time.monotonic(), self._running
        for of, texts in list(self._waiting.items()):
            late = [one for one in texts if now - one.since > LONGEST_WAIT]
            if late:
                self._late += len(late)
                self._remove(of, late)
                self._decide_without(of, late)
        if part is not None and not part.is_given_up and now - part.begun > LONGEST_PART:
            self._fail(part, f"no vectors of {len(part.texts)} texts within {LONGEST_PART:.0f} s")
            for of, texts in list(self._waiting.items()):
                self._remove(of, list(texts))
                self._decide_without(of, list(texts))
        self._say_late(now)

    def _room(self) -> int:
        """How many more texts may wait: as many as the encoder does in time at its pace, or a part."""
        rate, part = self._pace.rate, self._running
        if part is not None and (elapsed := time.monotonic() - part.begun) > SLOW:
            now = max(len(part.texts), self._pace.size) / elapsed
            rate = now if rate is None else min(rate, now)
        if rate is None:
            return _ANY
        return max(0, max(FIRST_PART, int(rate * LONGEST_WAIT)) - self._count)

    def _remove(self, of: _TaskTexts, texts: Iterable[WaitingText]) -> None:
        gone = set(texts)
        left = deque(one for one in self._waiting.pop(of) if one not in gone)
        self._count -= len(gone)
        if left:
            self._waiting[of] = left

    def _start_next(self) -> None:
        while self._running is None and self._waiting:
            of, waiting = next(iter(self._waiting.items()))
            taken = [waiting.popleft() for _ in range(min(self._pace.size, len(waiting)))]
            self._count -= len(taken)
            del self._waiting[of]
            if waiting:  # the other tasks come first
                self._waiting[of] = waiting
            task = of.owner.task(of.name)
            encoders = self._encoders(task)
            before = tuple((embedder.id, embedder.dimension) for embedder in encoders[:-1])
            fitting = [one for one in taken if encoders and one.made_by == before]
            if len(fitting) < len(taken):  # the config has changed, or an encoder has closed or is another
                kept = set(fitting)
                self._decide_without(of, [one for one in taken if one not in kept])
            if begun := [one for one in fitting if one.begin()]:
                self._start(of, task, encoders, begun)

    def _encoders(self, task: Task) -> tuple[Embedder, ...]:
        """Those of the task up to this queue's; none where one is not open, or the task does not name it."""
        spec = encoder_spec(task.config)
        if spec is None or self._spec not in spec.parts:
            return ()
        upto = task.parts[: spec.parts.index(self._spec) + 1]
        opened = tuple(embedder for embedder in upto if embedder is not None)
        return opened if len(opened) == len(upto) else ()

    def _start(
        self, of: _TaskTexts, task: Task, encoders: Sequence[Embedder], waiting: list[WaitingText]
    ) -> None:
        texts = self._texts(task, waiting)
        part = self._running = _RunningPart(of, task, encoders, waiting, texts, time.monotonic())
        call = partial(decide_part, task, encoders, texts, FIRST_PART)
        try:
            outcome = run_in_daemon(call, f"encoder-{part.embedder.id}")
        except RuntimeError as error:  # there is no thread to be had
            self._running = None
            self._fail(part, str(error))
            return
        outcome.add_done_callback(partial(self._on_done, part))

    def _on_done(self, part: _RunningPart, outcome: "asyncio.Future[DecidedPart]") -> None:
        self._running = None
        try:
            self._settle(part, outcome)
        finally:
            self._start_next()

    def _settle(self, part: _RunningPart, outcome: "asyncio.Future[DecidedPart]") -> None:
        elapsed, error = time.monotonic() - part.begun, outcome.exception()
        if part.is_given_up:
            log.warning("encoder is free again after %.0f s: encoder=%s", elapsed, part.embedder.id)
        elif isinstance(error, EmbedderError):
            self._fail(part, str(error))
        elif error is not None:
            log.error("texts could not be decided, a defect: task=%s", part.task.name, exc_info=error)
            self._fail(part, f"{type(error).__name__}: {error}")
        else:
            decided = outcome.result()
            self._pace = self._pace.with_part(len(part.texts), decided.read, elapsed)
            use = EncoderUse(len(part.texts), elapsed, _answered_count(part, decided))
            self._take(part, decided)
            self._measure(part.task.name, part.embedder.id, use)

    def _take(self, part: _RunningPart, decided: DecidedPart) -> None:
        if decided.refused:
            log.warning(
                "encoder refused texts, they are decided without vectors: encoder=%s refused=%d texts=%d",
                part.embedder.id,
                decided.refused,
                len(part.texts),
            )
        done = [
            (waiting, one)
            for waiting, one in zip(part.waiting, decided.texts, strict=True)
            if isinstance(one, DecidedText)
        ]
        if done:
            part.of.owner.take_decided(
                part.task, [waiting for waiting, _ in done], [text for _, text in done]
            )
        going = []
        for waiting, one in zip(part.waiting, decided.texts, strict=True):
            if isinstance(one, OpenText):
                waiting.go_on(part.task, part.embedder.id, one)
                going.append(waiting)
        if going:
            self._pass_on(part.of.owner, part.of.name, going)

    def _fail(self, part: _RunningPart, problem: str) -> None:
        """Close the encoder, and decide the part without it."""
        log.error(
            "encoder failed, requests decided without vectors: %s, encoder=%s task=%s requests=%d",
            problem,
            part.embedder.id,
            part.task.name,
            len(part.texts),
        )
        part.is_given_up = True
        self._pace = EncoderPace.after_failure(len(part.texts))
        part.of.owner.drop_encoder(part.embedder)
        task = part.of.owner.task(part.of.name)  # without its encoder: an answer from the text holds
        texts = self._texts(task, part.waiting)
        part.of.owner.take_decided(task, part.waiting, decide_without_vectors(task, texts))

    def _decide_without(self, of: _TaskTexts, texts: Iterable[WaitingText]) -> None:
        if begun := [one for one in texts if one.begin()]:
            task = of.owner.task(of.name)
            decided = decide_without_vectors(task, self._texts(task, begun))
            of.owner.take_decided(task, begun, decided)

    def _texts(self, task: Task, waiting: Sequence[WaitingText]) -> list[TextToDecide]:
        ids, rate = [one.request for one in waiting], task.audit_rate
        canary = canary_mask(self._sampler, task, ids) or [False] * len(ids)
        return [
            TextToDecide(
                one.text,
                by_canary,
                self._sampler.selects(one.request, rate),
                one.answer_on(task),
                tuple(each.vector for each in one.made),
            )
            for one, by_canary in zip(waiting, canary, strict=True)
        ]

    def _say_late(self, now: float) -> None:
        if self._late and now - self._said_at > _SAY_AGAIN:
            log.warning(
                "encoder is too slow for its texts, they are decided without vectors: encoder=%s texts=%d",
                self._spec.vectors if self._spec else None,
                self._late,
            )
            self._late, self._said_at = 0, now


def _answered_count(part: _RunningPart, decided: DecidedPart) -> int:
    """How many texts the surrogate answers with this encoder's vector, also those that go on for others."""
    return sum(
        text.given is None and decision is not None and decision.reason is Reason.ACCEPTED
        for text, one in zip(part.texts, decided.texts, strict=True)
        for decision in (one.decision if isinstance(one, DecidedText) else one.given,)
    )
