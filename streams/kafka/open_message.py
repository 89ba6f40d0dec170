"""An open message: one that a lane has read and nobody has answered yet.

The lane's thread and the event loop share it. The event loop begins to work on it, and answers it or puts it
off; the lane withdraws it when its partition goes to another worker. Whoever comes first decides: work that
has not begun is withdrawn at once, work that has begun may still be answered.
"""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from threading import Lock

from confluent_kafka import Message

from streams.kafka.batch import Outgoing


class _WorkStage(Enum):
    WAITING = auto()
    BEGUN = auto()
    ANSWERED = auto()
    WITHDRAWN = auto()


class OpenMessage:
    """Attributes:
    message: as it was read.

    Args:
        on_answer: called with the message and its outputs, once, on the thread that answers; must not wait.
    """

    def __init__(
        self, message: Message, on_answer: Callable[["OpenMessage", Sequence[Outgoing]], None]
    ) -> None:
        self.message = message
        self._on_answer = on_answer
        self._lock = Lock()
        self._stage = _WorkStage.WAITING
        self._is_wanted_back = False

    @property
    def is_waiting(self) -> bool:
        """Nobody works on it, and it is to be answered."""
        return self._stage is _WorkStage.WAITING

    @property
    def is_in_work(self) -> bool:
        """Somebody works on it and may yet answer it."""
        return self._stage is _WorkStage.BEGUN

    @property
    def is_withdrawn(self) -> bool:
        """Nothing may be done about it any more; its next owner reads it again."""
        return self._stage is _WorkStage.WITHDRAWN

    def begin(self) -> bool:
        """Begin to work on it; False if it is withdrawn or answered."""
        with self._lock:
            if self._stage is not _WorkStage.WAITING:
                return False
            self._stage = _WorkStage.BEGUN
            return True

    def put_off(self) -> None:
        """It could not be answered now and waits again."""
        with self._lock:
            if self._stage is _WorkStage.BEGUN:
                self._stage = _WorkStage.WITHDRAWN if self._is_wanted_back else _WorkStage.WAITING

    def answer(self, outputs: Sequence[Outgoing]) -> None:
        """It is answered by these outputs; nothing where it is answered or withdrawn already."""
        with self._lock:
            if self._stage in (_WorkStage.WAITING, _WorkStage.BEGUN):
                self._stage = _WorkStage.ANSWERED
                self._on_answer(self, outputs)

    def retract(self) -> bool:
        """Take it back if nobody works on it; whether it is taken back now."""
        with self._lock:
            if self._stage is not _WorkStage.WAITING:
                return False
            self._stage = _WorkStage.WITHDRAWN
            return True

    def withdraw(self) -> bool:
        """Take it back, now or when it is put off; whether somebody works on it and may yet answer it."""
        with self._lock:
            if self._stage is _WorkStage.WAITING:
                self._stage = _WorkStage.WITHDRAWN
            self._is_wanted_back = True
            return self._stage is _WorkStage.BEGUN
