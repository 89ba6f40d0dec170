"""route: answer each request from the live policy, or defer it to the teacher.

Reads requests; writes labels, deferrals, audits and dead letters. `streams.routing.request_router` decides.
Only the agent at the bottom knows Faust.
"""

from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from schemas.codec import REQUEST
from schemas.messages import Label
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindows
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import copied_headers, key_of, time_of
from streams.routing.decisions import Decision
from streams.routing.outputs import RoutedTopics
from streams.routing.request_router import Arrival, Count, RequestRouter
from streams.sampling import Sampler
from streams.tasks import Task, Tasks

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
    ) -> None:
        self._topics = RoutedTopics(topics)
        self._dead_letters = intake or DeadLetters(topics.dead_letters, STAGE)
        self._count_labels = count_labels
        self._count_decisions = count_decisions
        self.traffic = ScoreWindows()
        self._router = RequestRouter(tasks, sampler, self._count, refusal=refusal)

    async def route_batch(self, messages: Iterable[Message], now: int) -> list[Outgoing]:
        """The outputs of a batch of requests: labels, deferrals and dead letters.

        Args:
            now: Unix milliseconds.
        """
        records, outputs = self._dead_letters.decode_all(REQUEST, messages)
        arrivals = [Arrival(request, time_of(message), message) for request, message in records]
        decided, refused = await self._router.route(arrivals, now)
        outputs += [self._dead_letters.letter(arrival.origin, reason) for arrival, reason in refused]
        for routed in decided:
            message = routed.arrival.origin
            outputs += self._topics.outputs(routed, key_of(message), copied_headers(message))
        self._count_labels([routed.label for routed in decided if routed.label is not None])
        return outputs

    def _count(self, task: Task, decisions: list[Decision], now: int) -> None:
        self.traffic.count(task, decisions, now)
        self._count_decisions(task, decisions, now)


def install(app: App, channel: BatchChannel, router: RouteRole) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def route(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outgoing:
                outgoing.extend(await router.route_batch(batch.messages, unix_ms()))
