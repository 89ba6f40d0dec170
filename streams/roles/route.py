"""route: answer each request from the live policy, or defer it to the teacher.

Reads requests; writes labels, deferrals, audits and dead letters. `streams.routing.request_router` decides.
Texts that an encoder has to turn into vectors go on to the role `encode`. Only the agent at the bottom knows
Faust.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from schemas.codec import ENCODING, REQUEST
from schemas.messages import Encoding, Label
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindows
from streams.kafka.batch import Batch, MessageOutputs, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import key_of, time_of
from streams.routing.conclusion import Arrival, Count, outcome_of
from streams.routing.encoded_requests import Unencoded
from streams.routing.outputs import RoutedTopics
from streams.routing.request_router import RequestRouter
from streams.sampling import Sampler
from streams.tasks import Tasks
from streams.tracing.contract import NO_TRACING, Tracing

log = logging.getLogger(__name__)

STAGE = "route"


class RouteRole:
    """Turns messages of the topic of requests into labels, deferrals and dead letters.

    Attributes:
        traffic: windows of the scores that the live versions gave.

    Args:
        tasks: read at each batch, and again before its outputs are made.
        sampler: decides which requests are audited.
        intake: decodes the requests, and makes the dead letters of those that are refused.
        count_labels: told of the labels that are written; of a batch that is read again once more.
        count_decisions: told of each task's decisions.
        refusal: why requests of a task are refused.
        tracing: records a span for each request, with its outcome.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        sampler: Sampler,
        intake: DeadLetters | None = None,
        count_labels: Callable[[Sequence[Label]], None] = lambda _: None,
        count_decisions: Count = lambda *_: None,
        refusal: Callable[[str], str | None] = lambda _: None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._tracing = tracing
        self._topics = RoutedTopics(topics)
        self._encodings = topics.encodings
        self._dead_letters = intake or DeadLetters(topics.dead_letters, STAGE)
        self._count_labels = count_labels
        self.traffic = ScoreWindows()
        self._has_told = False
        self._router = RequestRouter(
            tasks,
            sampler,
            count_decisions,
            refusal=refusal,
            count_traffic=self.traffic.count,
            checks_follow=True,
        )

    async def route_batch(self, messages: Iterable[Message], now: int) -> list[MessageOutputs]:
        """The outputs of each request of a batch: label, deferral, encoding, or its dead letter.

        Args:
            now: Unix milliseconds.
        """
        records, outputs = self._dead_letters.decode_all(REQUEST, messages)
        arrivals = [Arrival(request, time_of(message), message) for request, message in records]
        batch = await self._router.route(arrivals, now)
        for arrival, reason in batch.refused:
            letter = self._dead_letters.letter(arrival.origin, reason)
            outputs.append(MessageOutputs(arrival.origin, [letter]))
        outputs += [self._dead_letters.failed(arrival.origin, error) for arrival, error in batch.failed]
        made: dict[int, MessageOutputs] = {}
        for routed in batch.routed:
            message = routed.arrival.origin
            headers = self._tracing.step(STAGE, message, now, outcome_of(routed))
            given = self._topics.outputs(routed, key_of(message), headers)
            made[id(message)] = MessageOutputs(message, given)
        self._count_labels([routed.label for routed in batch.routed if routed.label is not None])
        for one in batch.unencoded:
            message = one.arrival.origin
            before = made.get(id(message))
            given = [*(before.outputs if before else ()), self._encoding(one, now)]
            made[id(message)] = MessageOutputs(message, given)
        return [*outputs, *made.values()]

    def _encoding(self, unencoded: Unencoded[Message], began: int) -> Outgoing:
        (request, requested_at, message), check = unencoded.arrival, unencoded.check
        if not self._has_told:
            self._has_told = True
            log.info(
                "texts that need a vector go to the role `encode`, which has to run: task=%s", request.task
            )
        encoding = Encoding(
            requested_at,
            request if check is None else None,
            check,
            unencoded.drawn,
            unencoded.counted,
            unencoded.answered,
        )
        headers = self._tracing.step(STAGE, message, began, encoding)
        return Outgoing(self._encodings, key_of(message), ENCODING.encode(encoding), headers)


def install(app: App, channel: BatchChannel, router: RouteRole) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def route(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outgoing:
                outgoing.extend(await router.route_batch(batch.messages, unix_ms()))
