"""Truths: the right labels of requests, from the topic `feedback`, for tasks that learn from them.

Only a trace that is not sampled gets one. A sampled trace tests how often the teacher agrees, at the gate and
in the calibration, so it keeps the teacher's label, right or wrong.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from msgspec.structs import replace

from schemas.codec import FEEDBACK
from schemas.config import Config
from schemas.errors import InvalidMessage
from schemas.messages import Trace
from streams.feedback import feedback_key
from streams.kafka.batch import Batch
from streams.kafka.channel import BatchChannel
from streams.kafka.message import as_bytes
from streams.label_set import LabelSet

log = logging.getLogger(__name__)

READER = "feedback"
_MOST = 1_000_000


class Truths:
    """The newest truth of each request. Used on the event loop only.

    Args:
        most: requests that are kept; those whose truth is the oldest go first.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._labels: OrderedDict[bytes, str] = OrderedDict()

    def add(self, messages: Iterable[Message]) -> None:
        """Take records into account; one without a value takes a truth back."""
        for message in messages:
            key = as_bytes(message.key()) or b""
            if message.value() is None:
                self._labels.pop(key, None)
                continue
            try:
                feedback = FEEDBACK.decode(as_bytes(message.value()))
            except InvalidMessage as error:
                log.warning("feedback ignored: %s", error)
                continue
            self._labels[key] = feedback.ground_truth
            self._labels.move_to_end(key)
            if len(self._labels) > self._most:
                self._labels.popitem(last=False)

    def learned_traces(self, traces: Sequence[Trace], config: Config) -> list[Trace]:
        """The traces with the labels that a refit learns.

        Args:
            traces: of one task, with the labels of today.
        """
        if not config.refit.use_feedback or not self._labels:
            return list(traces)
        labels = LabelSet.of(config.teacher)
        return [trace if trace.sampled else self._learned(trace, labels) for trace in traces]

    def _learned(self, trace: Trace, labels: LabelSet) -> Trace:
        truth = self._labels.get(feedback_key(trace.task, trace.id))
        if truth is None or not labels.allows(truth):
            return trace
        return replace(trace, label=labels.current(truth))


def install(app: App, channel: BatchChannel, truths: Truths) -> None:
    """Register the agent that reads the topic."""

    @app.agent(channel, name=READER)
    async def feedback(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle():
                truths.add(batch.messages)
