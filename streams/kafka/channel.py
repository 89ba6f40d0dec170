"""The channel between a source and its agent.

Faust's own channels put every queue under the app's flow control: a resume clears it, and a put without a
subscriber is dropped. Both lose batches. All clones of this channel share one queue that nothing clears, so
a batch put before the agent runs waits for it.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from faust import Channel
from faust.types import AppT
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streams.kafka.batch import Batch
from streams.kafka.open_message import OpenMessage

Work = TypeVar("Work")


class SharedChannel(Channel[Work], Generic[Work]):
    """Carries one piece of work at a time; `queue` is shared by every clone."""

    def __init__(self, app: AppT, *, queue: ThrowableQueue[Work] | None = None, **options: Any) -> None:
        if queue is None:
            queue = ThrowableQueue(flow_control=FlowControlEvent(initially_suspended=False))
        super().__init__(app, queue=queue, **options)

    def _clone_args(self) -> Mapping[str, Any]:
        return {**super()._clone_args(), "queue": self.queue}

    def offer(self, work: Work) -> None:
        """Hand it to the agent. Call it on the event loop."""
        self.queue.put_nowait(work)


class BatchChannel(SharedChannel[Batch]):
    """From a source: a batch at a time, which the agent settles."""


class LaneChannel(SharedChannel[tuple[OpenMessage, ...]]):
    """From a lane: messages that the agent answers when it can."""
