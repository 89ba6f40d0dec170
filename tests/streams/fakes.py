"""Fakes for the tests of streams: messages, a policy, an encoder, published events, a broker's clients."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from numpy.typing import NDArray

from models.errors import EmbedderError, PolicyError, TextRefused
from models.features import Embed, Features
from models.manifest import FORMAT, FrontierPoint, Manifest
from models.policy import Policy, Scores
from schemas.codec import DEFERRAL, LABEL, TRACE
from schemas.config import TeacherConfig
from schemas.events import Event
from schemas.messages import Deferral, Guess, Label, Reason, Request, Trace
from schemas.topics import Topics
from streams.kafka.batch import MessageOutputs, Outgoing
from streams.kafka.event_publisher import EventPublisher
from streams.kafka.record_sieve import Trial
from streams.spending.admission import Admission, Ceiling
from streams.spending.cost import CallCost, CallKind
from streams.state.reply_dedup import Claim, ReplyDedup, ReplyPosition

TOPICS = Topics("x")
LABELS = ("no", "yes")
HEADERS = [("traceparent", b"00-1-2-01"), ("tenant", b"7"), ("ce_id", b"e1")]
CARRIED = [("traceparent", b"00-1-2-01"), ("ce_id", b"e1")]


def message(value: Any, *, offset: int = 0, partition: int = 0, **given: Any) -> Message:
    """A consumed message; what is not bytes is sent as JSON."""
    raw = value if isinstance(value, bytes | None) else msgspec.json.encode(value)
    options = {"topic": "x.in", "key": b"key", "headers": HEADERS, "timestamp": (1, 1000)} | given
    return Message(value=raw, offset=offset, partition=partition, **options)


def manifest(**given: Any) -> Manifest:
    """That of a text policy that promises .9 at threshold .5 and .95 at .7."""
    fields: dict[str, Any] = {
        "format": FORMAT,
        "task": "t",
        "version": "v1",
        "labels": LABELS,
        "embedder": "text",
        "dimension": None,
        "delta": 0.05,
        "frontier": (FrontierPoint(0.9, 0.5, 0.8, 0.91), FrontierPoint(0.95, 0.7, 0.6, 0.96)),
        "novelty_limit": 0.5,
        "blocked": (),
        "traces": 100,
        "sampled": 100,
        "certifying": 100,
        "teachers": (),
        "parent": None,
        "created_at": 0,
        "libraries": {},
        "sha256": "",
        "surrogate": "",
        "acceptor": "",
        "searched": 0,
        "members": (),
        "accuracy": 0.9,
        "seconds": 0.1,
        "probes": (),
    }
    return Manifest(**fields | given)


class ScriptedEmbedder:
    """Makes of `yes 0.9 0.1` a vector that the scripted policy reads like the text.

    Fails on `broken`, and refuses `refused`.
    """

    dimension = 3

    def __init__(self, name: str = "scripted:1") -> None:
        self.id = name
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        if "broken" in texts:
            raise EmbedderError(f"{self.id}: no")
        if "refused" in texts:
            raise TextRefused(f"{self.id}: not that")
        rows = [text.split() for text in texts]
        return np.array([[LABELS.index(label), *numbers] for label, *numbers in rows], dtype=np.float32)


class ScriptedPolicy(Policy):
    """Answers the text `yes 0.9 0.1` with label yes, score .9 and novelty .1, and fails on `fail`.

    In a cascade it asks for the vectors of what scores less than one half.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(manifest(**given), None)

    def score(self, features: Features, embed: Embed | None = None) -> Scores:
        texts, vectors = features.texts, features.embeddings
        if texts is None and vectors is not None and vectors.shape[1] == ScriptedEmbedder.dimension:
            return Scores(vectors[:, 0].astype(np.int64), vectors[:, 1], vectors[:, 2])
        if texts is None or "fail" in texts:
            raise PolicyError("graph: no")
        rows = [text.split() for text in texts]
        if embed is not None and ">" in self.manifest.embedder:
            embed(np.flatnonzero([float(score) < 0.5 for _, score, _ in rows]), 0)
        return Scores(
            np.array([self.manifest.labels.index(label) for label, _, _ in rows], dtype=np.int64),
            np.array([score for _, score, _ in rows], dtype=np.float32),
            np.array([novelty for _, _, novelty in rows], dtype=np.float32),
        )

    def score_early(
        self,
        features: Features,
        parts: int = 0,
        embed: Embed | None = None,  # noqa: ARG002
    ) -> tuple[Scores, NDArray[np.bool_]]:
        assert parts == 0, "it reads one vector at most"
        scores = self.score(features)
        return scores, scores.score >= 0.5


class ScriptedBudget:
    """A budget of `left` calls; None: without a limit.

    Attributes:
        ended: permits that were given back.
        recorded: task, kind and calls of each attempt.
        tokens: of all of them.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.ceiling = Ceiling("t", "calls_per_day", 2.0, is_final=True)
        self.ended: list[str] = []
        self.recorded: list[tuple[str, CallKind, int]] = []
        self.tokens = 0

    def is_limited(self, _: TeacherConfig) -> bool:
        return self.left is not None

    async def admit(self, task: str, _: TeacherConfig, wanted: int) -> Admission:
        await asyncio.sleep(0)
        left = self.left or 0
        admitted = min(wanted, left)
        self.left = left - admitted
        permits = [f"{task}:{left - number}" for number in range(admitted)]
        return Admission(permits) if admitted == wanted else Admission(permits, 60.0, self.ceiling)

    def end(self, _: str, permit: str) -> None:
        self.ended.append(permit)

    def record(self, task: str, _: TeacherConfig, kind: CallKind, cost: CallCost) -> None:
        self.recorded.append((task, kind, cost.calls))
        self.tokens += cost.counted.prompt_tokens + cost.counted.completion_tokens


class PublishedEvents(EventPublisher):
    """Keeps events, and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._waiting: asyncio.Queue[Event] = asyncio.Queue()

    def publish(self, event: Event) -> None:
        self.events.append(event)
        self._waiting.put_nowait(event)

    async def next(self) -> Event:
        """The next event; an error, not an endless wait, where there will be none."""
        return await asyncio.wait_for(self._waiting.get(), 120)

    def is_empty(self) -> bool:
        """No event waits for `next`."""
        return self._waiting.empty()


class RememberedReplies(ReplyDedup):
    """What Redis would remember, in dicts: by question the first label, and by attempt the first error."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str, str], tuple[ReplyPosition, Claim]] = {}
        self._errors: dict[tuple[str, str, str], dict[int, ReplyPosition]] = {}

    async def claim(self, places: Sequence[ReplyPosition]) -> list[Claim]:
        return [self._claim_of(place) for place in places]

    def _claim_of(self, place: ReplyPosition) -> Claim:
        asked = (place.task, place.request, place.question)
        errors = self._errors.setdefault(asked, {})
        if place.failed:
            if asked not in self._labels:
                errors.setdefault(place.attempt, place)
            return Claim.FIRST if errors.get(place.attempt) == place else Claim.REFUSED
        first, claim = self._labels.setdefault(asked, (place, Claim.SUPERSEDES if errors else Claim.FIRST))
        return claim if first == place else Claim.REFUSED


def flat(answers: Iterable[MessageOutputs]) -> list[Outgoing]:
    """The outputs of all messages."""
    return [output for _, outputs in answers for output in outputs]


def refusing(
    refused: Callable[[Outgoing], bool], at_once: int = 1 << 30
) -> Callable[[Sequence[Sequence[Outgoing]]], Trial]:
    """An attempt at a broker that takes so many outputs at once, and refuses a batch for one of its records.

    Of what comes after a refused one it says nothing.
    """

    def attempt(messages: Sequence[Sequence[Outgoing]]) -> Trial:
        trial = Trial([len(outputs) for outputs in messages])
        together = sum(trial.left) <= at_once
        for number, outputs in enumerate(messages):
            for output in outputs:
                if trial.errors:
                    return trial
                is_refused = refused(output) or not together
                trial.report(number, error(KafkaError.MSG_SIZE_TOO_LARGE).args[0] if is_refused else None)
        return trial

    return attempt


def to(outgoing: Sequence[Outgoing], *topics: str) -> list[Outgoing]:
    return [out for out in outgoing if out.topic in topics]


def labels(outgoing: Sequence[Outgoing]) -> list[Label]:
    return [LABEL.decode(out.value) for out in to(outgoing, TOPICS.labels)]


def deferrals(outgoing: Sequence[Outgoing]) -> list[Deferral]:
    return [DEFERRAL.decode(out.value) for out in to(outgoing, TOPICS.deferrals, TOPICS.audits)]


def traces(outgoing: Sequence[Outgoing]) -> list[Trace]:
    return [TRACE.decode(out.value) for out in to(outgoing, TOPICS.traces)]


def reasons(outgoing: Sequence[Outgoing]) -> list[str]:
    """Why messages became dead letters."""
    letters = to(outgoing, TOPICS.dead_letters)
    return [_header_text(out, "_dlq.errors.reason") for out in letters]


def deferral(name: str = "r1", **given: Any) -> Deferral:
    fields: dict[str, Any] = {
        "request": Request(name, "t", text="hello", metadata={"a": "b"}),
        "reason": Reason.LOW_SCORE,
        "audit": False,
        "sampled": True,
        "embedder": "text",
        "requested_at": 5,
        "guess": Guess("yes", 0.25, 0.5, "v1"),
        "threshold": 0.75,
    }
    return Deferral(**fields | given)


def trace(name: str = "r1", label: str = "yes", **given: Any) -> Trace:
    fields: dict[str, Any] = {
        "task": "t",
        "reason": Reason.NO_POLICY,
        "audit": False,
        "sampled": True,
        "embedder": "text",
        "requested_at": 5,
        "replied_at": 6,
        "text": "hello",
    }
    return Trace(name, label=label, **fields | given)


def _header_text(out: Outgoing, name: str) -> str:
    value = dict(out.headers or [])[name]
    return value.decode() if isinstance(value, bytes) else value


def error(code: int, **flags: bool) -> KafkaException:
    return KafkaException(KafkaError(code, "what the broker said", **flags))


class FakeBroker:
    """What both clients have called, in order, and the failures that are to come, by call.

    Attributes:
        messages: batches that the consumer has not consumed yet.
        now: seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []
        self.messages: list[list[Message]] = []
        self.failures: dict[str, list[Exception]] = {}

    def called(self, call: str) -> None:
        self.calls.append(call)
        if self.failures.get(call):
            raise self.failures[call].pop(0)

    def taken(self) -> list[str]:
        """The calls since the last look."""
        calls, self.calls = self.calls, []
        return calls


class FakeProducer:
    """Reports deliveries at `flush`, those of `undelivered` topics with an error."""

    def __init__(self, broker: FakeBroker) -> None:
        self.broker = broker
        self.undelivered: dict[str, KafkaError] = {}
        self.left = 0
        self._reports: list[Callable[[], None]] = []

    def produce(self, topic: str, _value: Any, _key: Any, on_delivery: Any = None, **_: Any) -> None:
        self.broker.called(f"produce {topic}")
        if on_delivery is not None:
            self._reports.append(lambda: on_delivery(self.undelivered.get(topic), None))

    def flush(self, _timeout: float) -> int:
        self.broker.called("flush")
        while self._reports:
            self._reports.pop(0)()
        return self.left

    def poll(self, timeout: float) -> None:
        if timeout:
            self.broker.called("poll")

    def purge(self) -> None:
        self.broker.called("purge")

    def init_transactions(self, _timeout: float) -> None:
        self.broker.called("init")

    def begin_transaction(self) -> None:
        self.broker.called("begin")

    def send_offsets_to_transaction(
        self, offsets: Sequence[TopicPartition], group: Any, _timeout: float
    ) -> None:
        self.broker.called(f"offsets {[at.offset for at in offsets]} of {group}")

    def commit_transaction(self, _timeout: float) -> None:
        self.broker.called("commit")

    def abort_transaction(self, _timeout: float) -> None:
        self.broker.called("abort")


class FakeConsumer:
    """A member of a group; each `consume` returns the next batch of the broker's messages."""

    def __init__(self, broker: FakeBroker) -> None:
        self.broker = broker

    def consumer_group_metadata(self) -> str:
        return "generation 7"

    def subscribe(self, topics: Sequence[str], **_: Any) -> None:
        self.broker.called(f"subscribe {topics}")

    def consume(self, _count: int, _timeout: float) -> list[Message]:
        self.broker.called("consume")
        return self.broker.messages.pop(0) if self.broker.messages else []

    def seek(self, at: TopicPartition) -> None:
        self.broker.called(f"seek {at.offset}")

    def close(self) -> None:
        self.broker.called("close")

    def commit(self, offsets: Sequence[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self.broker.called(f"commit {[at.offset for at in offsets]}")
