"""Scoreboard of the demo: counts read from the topics, as any client or operator could count them.

The demo knows the right answer to every message that it generates, so it shows the true agreement, which a
real deployment only estimates from its audits.
"""

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from models.savings import saved_cost
from schemas.codec import EVENT, LABEL, REPLY
from schemas.events import Event, EventKind, PromotedDetails
from schemas.messages import Label, Reply
from streams.kafka.message import as_bytes
from streams.kafka.topic_client import Reader
from streams.settings import Settings

RECENT = 500
HEADLINES = frozenset(
    {
        EventKind.PROMOTED,
        EventKind.CERTIFIED,
        EventKind.DRIFT,
        EventKind.ALARM,
        EventKind.ROLLBACK,
    }
)
PRICE_IN, PRICE_OUT = 2.50, 10.00
"""Assumed price of the LLM: US dollars for a million prompt tokens, and completion tokens."""


@dataclass
class Scoreboard:
    """Counts since the start, of the demo's own requests: those of `understudy ask` are left out.

    Attributes:
        unlabelled: the teacher's label, when it was sent, of each request that has no label yet, by id.
        target: agreement that was asked for, in (0, 1).
        sent: requests produced.
        labels: labels by source; the first of each request counts.
        agreed: surrogate labels that are the true intent.
        first_answer: seconds to the first label by the surrogate.
        coverage: (second, share answered by the surrogate among the newest `RECENT` labels).
        events: the newest, oldest first.
        versions: versions that went live.
        refits, alarms: how many there were.
        headline: the newest event of a kind in `HEADLINES`.
        certified: a version has been certified.
        drift_second: second at which drift began; None before.
    """

    unlabelled: dict[str, str]
    target: float
    sent: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    agreed: int = 0
    first_answer: float | None = None
    coverage: list[tuple[int, float]] = field(default_factory=list)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=8))
    versions: list[str] = field(default_factory=list)
    refits: int = 0
    alarms: int = 0
    headline: Event | None = None
    certified: bool = False
    drift_second: int | None = None
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))
    _agreeing: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))
    _calls: int = 0
    _cost: float = 0.0

    def count_label(self, label: Label, second: float) -> None:
        """Count the first label of a request of the demo's own."""
        right = self.unlabelled.get(label.id)
        if right is None:
            return
        self.labels[label.source] += 1
        by_surrogate = label.source == "surrogate"
        self._recent.append(by_surrogate)
        if by_surrogate:
            agrees = right == label.label
            self.agreed += agrees
            self._agreeing.append(agrees)
            if self.first_answer is None:
                self.first_answer = second
        # Last, so that all counts are complete when no request is left.
        del self.unlabelled[label.id]

    def count_reply(self, reply: Reply) -> None:
        if reply.usage is not None:
            self._calls += 1
            tokens = reply.usage
            self._cost += (tokens.prompt_tokens * PRICE_IN + tokens.completion_tokens * PRICE_OUT) / 1e6

    def count_event(self, event: Event) -> None:
        self.events.append(event)
        self.refits += event.kind is EventKind.REFIT
        self.alarms += event.kind is EventKind.ALARM
        self.certified |= event.kind is EventKind.CERTIFIED
        if event.kind in HEADLINES:
            self.headline = event
        if event.kind is EventKind.PROMOTED:
            self.versions.append(PromotedDetails.of(event).version)

    def record_coverage(self, second: int) -> None:
        """Record the coverage of now, once a second."""
        self.coverage.append((second, self.coverage_now))

    @property
    def coverage_now(self) -> float:
        """Share of the newest labels that the surrogate gave, in [0, 1]."""
        return sum(self._recent) / len(self._recent) if self._recent else 0.0

    @property
    def agreement(self) -> float | None:
        """True share of the surrogate's labels that the teacher would have given; None before the first."""
        answered = self.labels["surrogate"]
        return self.agreed / answered if answered else None

    @property
    def agreement_now(self) -> float | None:
        """The same among the newest `RECENT` of the surrogate's labels."""
        return sum(self._agreeing) / len(self._agreeing) if self._agreeing else None

    @property
    def spent(self) -> float:
        """US dollars for the teacher's answers, audits included."""
        return self._cost

    @property
    def saved(self) -> float:
        """US dollars that the surrogate's answers would have cost at the mean price, less audits."""
        price = self._cost / self._calls if self._calls else 0.0
        return saved_cost(sum(self.labels.values()), self._calls, price)

    def summary(self) -> dict[str, object]:
        """The object that `understudy demo --json` prints."""
        return {
            "requests": self.sent,
            "labels": {source: self.labels[source] for source in ("surrogate", "teacher", "error")},
            "coverage": self.coverage,
            "agreement": self.agreement,
            "target": self.target,
            "refits": self.refits,
            "alarms": self.alarms,
            "first_answer_s": self.first_answer,
        }


class TopicWatcher:
    """Reads the topics into the scoreboard, in a thread of its own, between `enter` and `exit`.

    Only this thread writes labels, replies, events and coverage of the board.
    """

    def __init__(self, settings: Settings, board: Scoreboard) -> None:
        topics = settings.topics
        self._board = board
        self._labels = Reader(settings, topics.labels, from_start=True)
        self._replies = Reader(settings, topics.replies, from_start=True)
        self._events = Reader(settings, topics.events, from_start=True)
        self._stopping = threading.Event()
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="demo-watcher", daemon=True)

    def __enter__(self) -> "TopicWatcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for reader in (self._labels, self._replies, self._events):
            reader.close()

    def _watch(self) -> None:
        recorded = 0
        while not self._stopping.is_set():
            second = time.monotonic() - self._started
            self._read(second)
            if int(second) > recorded:
                recorded = int(second)
                self._board.record_coverage(recorded)
        self._read(time.monotonic() - self._started)

    def _read(self, second: float) -> None:
        for message in self._labels.next(0.1):
            self._board.count_label(LABEL.decode(as_bytes(message.value())), second)
        for message in self._replies.next(0.0):
            self._board.count_reply(REPLY.decode(as_bytes(message.value())))
        for message in self._events.next(0.0):
            self._board.count_event(EVENT.decode(as_bytes(message.value())))
