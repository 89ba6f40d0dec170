"""encode: decide what needs a vector that an encoder makes, and that nobody has made.

Reads encodings in a lane, so that a text whose encoder is slow or hangs holds up no text of another; writes
labels, deferrals, audits and dead letters. `streams.routing.encoder_queue` says how long a text waits. An
answer that `route` has given from the text alone is not decided again: its check gets its vector.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from msgspec.structs import replace

from models.embedders.contract import Embedder
from schemas.codec import DEFERRAL, ENCODING
from schemas.messages import Deferral, Encoding, Label, Reason, Request
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindows
from streams.encoder_spec import encoder_spec
from streams.kafka.batch import Outgoing
from streams.kafka.channel import LaneChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import key_of
from streams.kafka.open_message import OpenMessage
from streams.routing.conclusion import Arrival, Count, Decided, Routed, conclude, outcome_of
from streams.routing.decisions import COUNTED, Decision, decide
from streams.routing.encoded_part import DecidedText
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.features import feature_error, request_features
from streams.routing.outputs import RoutedTopics
from streams.routing.waiting_text import WaitingText
from streams.sampling import Sampler
from streams.tasks import Task, Tasks
from streams.tracing.contract import NO_TRACING, Tracing

log = logging.getLogger(__name__)

STAGE = "encode"


@dataclass(frozen=True, slots=True)
class OpenEncoding:
    """A text to encode, and its message.

    Attributes:
        began: when it was taken in, Unix milliseconds.
    """

    opened: OpenMessage
    encoding: Encoding
    began: int

    @property
    def request(self) -> Request:
        return _request_of(self.encoding)


class EncodeRole:
    """Turns encodings into labels, deferrals and audits.

    Attributes:
        traffic: windows of the scores that the live versions gave.

    Args:
        tasks: read when a part of the texts is encoded, and again before its outputs are made.
        sampler: decides which requests are audited.
        count_labels: told of the surrogate's labels.
        count_decisions: told of each task's decisions, with the time.
        tracing: records a span for each text, with its outcome.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        sampler: Sampler,
        encoders: EncoderQueues,
        count_labels: Callable[[Sequence[Label]], None] = lambda _: None,
        count_decisions: Count = lambda *_: None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._tracing = tracing
        self._live_tasks = tasks
        self._sampler = sampler
        self._encoders = encoders
        self._count_labels = count_labels
        self._count_decisions = count_decisions
        self._topics = RoutedTopics(topics)
        self._audits = topics.audits
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)
        self.traffic = ScoreWindows()

    def take_in(self, opened: Sequence[OpenMessage]) -> None:
        """Have the messages answered, each when it can be."""
        by_task: dict[str, list[OpenEncoding]] = {}
        now = unix_ms()
        for one in opened:
            decoded, letters = self._dead_letters.decode_all(ENCODING, [one.message])
            if letters:
                one.answer([output for _, outputs in letters for output in outputs])
            for encoding, _ in decoded:
                by_task.setdefault(_request_of(encoding).task, []).append(OpenEncoding(one, encoding, now))
        for name, found in by_task.items():
            self._take_in_of_task(name, found)

    def _take_in_of_task(self, name: str, found: Sequence[OpenEncoding]) -> None:
        task, waiting = self._live_tasks.task(name), []
        has_encoder = encoder_spec(task.config) is not None
        for one in found:
            reason = feature_error(one.request, task) if one.encoding.check is None else None
            if reason is not None:
                one.opened.answer([self._dead_letters.letter(one.opened.message, reason)])
            elif has_encoder and one.request.text is not None:
                given, text = _given(one.encoding.check), one.request.text
                opened = one.opened
                waiting.append(WaitingText(one.request.id, text, one, given, opened.begin, opened.put_off))
            else:  # the config has changed since it was routed
                self._decide_alone(task, one)
        if waiting:
            self._encoders.add(self, name, waiting)

    def _decide_alone(self, task: Task, one: OpenEncoding) -> None:
        """Decide by what the request brings."""
        given = _given(one.encoding.check)
        try:
            decision = given or decide(task, request_features([one.request], task), 1)[0]
        except Exception as error:
            log.exception("an encoding could not be decided, it becomes a dead letter: task=%s", task.name)
            one.opened.answer([self._dead_letters.failure(one.opened.message, error)])
            return
        waiting = WaitingText(one.request.id, "", one, given)
        if one.opened.begin():
            self.take_decided(task, [waiting], [DecidedText(decision, None)])

    def task(self, name: str) -> Task:
        return self._live_tasks.task(name)

    def drop_encoder(self, embedder: Embedder) -> None:
        self._live_tasks.drop_encoder(embedder)

    def take_decided(
        self, task: Task, waiting: Sequence[WaitingText], decided: Sequence[DecidedText]
    ) -> None:
        """Answer the messages of some texts of one task; one on which that fails becomes a dead letter."""
        found: list[OpenEncoding] = [one.origin for one in waiting]
        try:
            self._answer(task, found, decided)
        except Exception as error:
            if (half := len(found) // 2) > 0:
                self.take_decided(task, waiting[:half], decided[:half])
                self.take_decided(task, waiting[half:], decided[half:])
                return
            log.exception("an encoding could not be answered, it becomes a dead letter: task=%s", task.name)
            for one in found:
                one.opened.answer([self._dead_letters.failure(one.opened.message, error)])

    def _answer(self, task: Task, found: Sequence[OpenEncoding], decided: Sequence[DecidedText]) -> None:
        open_rows = [row for row, one in enumerate(found) if one.encoding.check is None]
        arrivals = [
            Arrival(found[row].request, found[row].encoding.requested_at, found[row]) for row in open_rows
        ]
        now = unix_ms()
        routed, decisions = conclude(
            Decided(
                task,
                arrivals,
                [decided[row].decision for row in open_rows],
                [decided[row].features for row in open_rows],
            ),
            self._live_tasks.task(task.name),
            self._sampler,
            now,
            [found[row].encoding.drawn for row in open_rows],
        )
        outputs = [(each.arrival.origin, self._outputs(each)) for each in routed]
        for one, (_, features) in zip(found, decided, strict=True):
            if one.encoding.check is not None:
                outputs.append((one, [self._checked(task, one, one.encoding.check, features)]))
        for one, made in outputs:  # all are made by now: after a failure nothing is answered or counted twice
            one.opened.answer(made)
        self._count(task, [found[row].encoding for row in open_rows], decisions, now)
        self._count_labels([each.label for each in routed if each.label is not None])
        self._count_decisions(task, decisions, now)

    def _outputs(self, routed: Routed[OpenEncoding]) -> list[Outgoing]:
        one = routed.arrival.origin
        message: Message = one.opened.message
        headers = self._tracing.step(STAGE, message, one.began, outcome_of(routed))
        return self._topics.outputs(routed, key_of(message), headers)

    def _checked(self, task: Task, one: OpenEncoding, check: Deferral, features: bytes | None) -> Outgoing:
        """The audit's copy, with its vector where there is one."""
        encoder = task.embedder.id if task.embedder and features else None
        complete = replace(check, features=features, encoder=encoder)
        message = one.opened.message
        headers = self._tracing.step(STAGE, message, one.began, complete)
        return Outgoing(self._audits, key_of(message), DEFERRAL.encode(complete), headers)

    def _count(
        self, task: Task, encodings: Sequence[Encoding], decisions: Sequence[Decision], now: int
    ) -> None:
        """Have the watch for drift count them, and what `route` has answered from texts alone."""
        counted = [one for one, of in zip(decisions, encodings, strict=True) if of.counted]
        labels = task.live.labels if task.live else ()
        counted += [
            Decision(Reason.ACCEPTED, guess, task.threshold)
            for of in encodings
            for guess in of.answered
            if guess.label in labels
        ]
        for start in range(0, len(counted), COUNTED):
            self.traffic.count(task, counted[start : start + COUNTED], now)


def _request_of(encoding: Encoding) -> Request:
    if encoding.request is not None:
        return encoding.request
    assert encoding.check is not None, "it has either"  # noqa: S101 - the codec checks it
    return encoding.check.request


def _given(check: Deferral | None) -> Decision | None:
    """The answer that is to be checked."""
    return None if check is None else Decision(Reason.ACCEPTED, check.guess, check.threshold)


def install(app: App, channel: LaneChannel, role: EncodeRole) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def encode(messages: StreamT[tuple[OpenMessage, ...]]) -> None:
        async for opened in messages:
            role.take_in(opened)
