"""certify: count, for each policy version, how often the teacher agrees with what it answered.

Reads traces; writes the counts to Redis. A trace is an audit of the version that answered it when it is part
of the uniform sample and the surrogate had answered.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from schemas.codec import TRACE
from schemas.messages import Trace
from schemas.names import Topics
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.state.audits import Audit, Audits

STAGE = "certify"

Version = tuple[str, str]


def audits_of(traces: Iterable[tuple[Trace, Message]]) -> dict[Version, list[Audit]]:
    """The audits among the traces, for each (task, policy version)."""
    found: defaultdict[Version, list[Audit]] = defaultdict(list)
    for trace, message in traces:
        if trace.audit and trace.sampled and trace.guess is not None:
            agreed = trace.guess.label == trace.label
            place = Audit(message.partition() or 0, message.offset() or 0, agreed)
            found[trace.task, trace.guess.policy].append(place)
    return dict(found)


class Certifier:
    """Folds audits into the counts that Redis holds."""

    def __init__(self, topics: Topics, audits: Audits) -> None:
        self._audits = audits
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)

    async def certified(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Count the audits in a batch of traces; those counted before are not counted again.

        Raises:
            StateUnavailable: Redis is away; the batch is to be read again.
        """
        traces, outgoing = self._dead_letters.decoded(TRACE, messages)
        for (task, version), audits in audits_of(traces).items():
            await self._audits.fold(task, version, audits)
        return outgoing


def install(app: App, channel: BatchChannel, certifier: Certifier) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def certify(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled() as outgoing:
                outgoing.extend(await certifier.certified(batch.messages))
