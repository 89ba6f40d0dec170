"""encode: decide what needs a vector that an encoder makes, and that nobody has made.

Reads encodings in a lane, so that a text whose encoder is slow or hangs holds up no text of another; writes
labels, deferrals, audits and dead letters. `streams.routing.encoder_queue` says how long a text waits. An
answer that `route` has given from the text alone is not decided again: its check gets its vector.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from faust import App
from faust.types import StreamT

from schemas.codec import ENCODING
from schemas.messages import Encoding, Label, Request
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindows
from streams.encoder_spec import encoder_spec
from streams.kafka.batch import Outgoing
from streams.kafka.channel import LaneChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import key_of
from streams.kafka.open_message import OpenMessage
from streams.routing.conclusion import Arrival, Count, Routed, outcome_of
from streams.routing.decisions import decide
from streams.routing.encoded_part import DecidedText
from streams.routing.encoded_requests import EncodedRequests, Unencoded
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.features import feature_error, request_features
from streams.routing.outputs import RoutedTopics
from streams.sampling import Sampler
from streams.tasks import Task, Tasks
from streams.tracing.contract import NO_TRACING, Tracing

log = logging.getLogger(__name__)

STAGE = "encode"


class OpenEncoding(NamedTuple):
    """The message of a text to encode.

    Attributes:
        began: when it was taken in, Unix milliseconds.
    """

    opened: OpenMessage
    began: int


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
        self._encoders = encoders
        self._count_labels = count_labels
        self._topics = RoutedTopics(topics)
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)
        self.traffic = ScoreWindows()
        self._encoded = EncodedRequests(
            tasks, sampler, count_decisions, self.traffic.count, self._answer, self._fail
        )

    def take_in(self, opened: Sequence[OpenMessage]) -> None:
        """Have the messages answered, each when it can be."""
        by_task: dict[str, list[Unencoded[OpenEncoding]]] = {}
        now = unix_ms()
        for one in opened:
            decoded, letters = self._dead_letters.decode_all(ENCODING, [one.message])
            if letters:
                one.answer([output for _, outputs in letters for output in outputs])
            for encoding, _ in decoded:
                found = _unencoded(encoding, OpenEncoding(one, now))
                by_task.setdefault(found.arrival.request.task, []).append(found)
        for name, of_task in by_task.items():
            self._take_in_of_task(name, of_task)

    def _take_in_of_task(self, name: str, found: Sequence[Unencoded[OpenEncoding]]) -> None:
        task, waiting = self._live_tasks.task(name), []
        has_encoder = encoder_spec(task.config) is not None
        for one in found:
            request, opened = one.arrival.request, one.arrival.origin.opened
            reason = feature_error(request, task) if one.check is None else None
            if reason is not None:
                opened.answer([self._dead_letters.letter(opened.message, reason)])
            elif has_encoder and request.text is not None:
                waiting.append(one.waiting_text(opened.begin, opened.put_off))
            else:  # the config has changed since it was routed
                self._decide_alone(task, one)
        if waiting:
            self._encoders.add(self._encoded, name, waiting)

    def _decide_alone(self, task: Task, one: Unencoded[OpenEncoding]) -> None:
        """Decide by what the request brings."""
        opened, waiting = one.arrival.origin.opened, one.waiting_text()
        try:
            decision = waiting.given or decide(task, request_features([one.arrival.request], task), 1)[0]
        except Exception as error:
            log.exception("an encoding could not be decided, it becomes a dead letter: task=%s", task.name)
            opened.answer([self._dead_letters.failure(opened.message, error)])
            return
        if opened.begin():
            self._encoded.take_decided(task, [waiting], [DecidedText(decision, None)])

    def _answer(self, found: Sequence[Routed[OpenEncoding]]) -> None:
        outputs = [(one.arrival.origin.opened, self._outputs(one)) for one in found]
        for opened, made in outputs:  # all are made by now: after a failure nothing is answered twice
            opened.answer(made)
        self._count_labels([one.label for one in found if one.label is not None])

    def _outputs(self, routed: Routed[OpenEncoding]) -> list[Outgoing]:
        opened, began = routed.arrival.origin
        headers = self._tracing.step(STAGE, opened.message, began, outcome_of(routed))
        return self._topics.outputs(routed, key_of(opened.message), headers)

    def _fail(self, arrival: Arrival[OpenEncoding], error: Exception) -> None:
        task, opened = arrival.request.task, arrival.origin.opened
        log.error(
            "an encoding could not be answered, it becomes a dead letter: task=%s", task, exc_info=error
        )
        opened.answer([self._dead_letters.failure(opened.message, error)])


def _unencoded(encoding: Encoding, origin: OpenEncoding) -> Unencoded[OpenEncoding]:
    arrival = Arrival(_request_of(encoding), encoding.requested_at, origin)
    return Unencoded(arrival, encoding.check, encoding.drawn, encoding.counted, encoding.answered)


def _request_of(encoding: Encoding) -> Request:
    if encoding.request is not None:
        return encoding.request
    assert encoding.check is not None, "it has either"  # noqa: S101 - the codec checks it
    return encoding.check.request


def install(app: App, channel: LaneChannel, role: EncodeRole) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def encode(messages: StreamT[tuple[OpenMessage, ...]]) -> None:
        async for opened in messages:
            role.take_in(opened)
