"""Window of the traces that a task's next refit may use: the newest ones, each request once.

Newest by the time of the request. A trainer that starts reads one partition behind the other, and keys decide
partitions: in the order of arrival a window would hold the requests of one partition alone. In the order of
replies, audits and other questions would come in bursts, since they wait in lanes of their own.
"""

import heapq
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain
from sys import intern

import numpy as np
from msgspec.structs import replace

from models.embedders.kinds import reads_text, vectors_of
from models.errors import InvalidSpec
from models.features import Features, known_texts
from models.manifest import LabelSource
from models.training.thinning import thin_out
from models.training_set import TrainingSet
from schemas.config import Config
from schemas.messages import Guess, Reason, Teacher, Trace
from schemas.vectors import decode_vector
from streams.label_set import LabelSet
from streams.trainer.trace_labels import with_current_labels
from streams.trainer.trace_weights import trace_weights
from streams.versions.version_names import version_serial

_SHARE = 0.1
"""Of the sample, from which on a fit stands for a teacher."""


class TraceWindow:
    """Newest traces of one task, oldest first. Seeded ones count as older than all others.

    Attributes:
        seen: distinct traces ever added, including those that the window has dropped since.
        serial: the highest of a version that any trace names; 0 before the first. A registry that was lost
            must not give a new version the name of one that audits have been counted for.
    """

    def __init__(self) -> None:
        self._traces: deque[Trace] = deque()
        # A heap: in a restart most traces are late, and a place among 100,000 takes long to find and to make.
        self._late: list[tuple[int, int, Trace]] = []
        self._seeded: OrderedDict[str, Trace] = OrderedDict()
        self._ids: set[str] = set()
        self.seen = 0
        self.serial = 0

    def __len__(self) -> int:
        return len(self._seeded) + len(self._traces) + len(self._late)

    def __iter__(self) -> Iterator[Trace]:
        self._put_late_ones_in_place()
        return chain(self._seeded.values(), self._traces)

    def add(self, trace: Trace, most: int) -> None:
        """Add a trace, unless its request is in the window already, and drop what is over `most`.

        A trace of the stream takes the place of a seeded one of the same request.
        """
        self.note_versions(trace)
        seeded = trace.reason is Reason.SEEDED
        if not seeded and self._seeded.pop(trace.id, None) is not None:
            self._ids.discard(trace.id)
        if trace.id in self._ids:
            return
        self._ids.add(trace.id)
        trace = _with_shared_parts(trace)
        if seeded:
            self._seeded[trace.id] = trace
        else:
            self._insert(trace)
        self.seen += 1
        while len(self) > most:
            self._ids.discard(self._pop_oldest().id)

    def _insert(self, trace: Trace) -> None:
        if not self._traces or _asked_at(self._traces[-1]) <= _asked_at(trace):
            self._traces.append(trace)
        else:
            heapq.heappush(self._late, (_asked_at(trace), self.seen, trace))

    def _pop_oldest(self) -> Trace:
        if self._seeded:
            return self._seeded.popitem(last=False)[1]
        if self._late and (not self._traces or self._late[0][0] < _asked_at(self._traces[0])):
            return heapq.heappop(self._late)[2]
        return self._traces.popleft()

    def _put_late_ones_in_place(self) -> None:
        if self._late:
            late = (trace for _, _, trace in sorted(self._late))
            self._traces = deque(sorted(chain(self._traces, late), key=_asked_at))
            self._late = []

    def note_versions(self, trace: Trace) -> None:
        """Raise `serial` to the versions that a trace names, also where its text may not be used."""
        self.serial = max(self.serial, _serial(trace.guess), _serial(trace.shadow))

    def discard(self, covers: Callable[[Trace], bool]) -> int:
        """Drop the traces that `covers` says yes to; how many. They still count as seen."""
        before = len(self)
        self._put_late_ones_in_place()
        self._traces = deque(trace for trace in self._traces if not covers(trace))
        self._seeded = OrderedDict(item for item in self._seeded.items() if not covers(item[1]))
        self._ids = {trace.id for trace in self}
        return before - len(self)

    def seen_since(self, time: int) -> int:
        """How many were replied to after `time`, Unix milliseconds."""
        return sum(trace.replied_at > time for trace in self)


def _with_shared_parts(trace: Trace) -> Trace:
    """The trace with one copy of what many traces hold alike: half of the memory of a trace with a text."""
    encoder = trace.encoder
    return replace(
        trace,
        task=intern(trace.task),
        label=intern(trace.label),
        embedder=intern(trace.embedder),
        encoder=None if encoder is None else intern(encoder),
        teacher=None if trace.teacher is None else _shared_teacher(trace.teacher),
        guess=_with_shared_names(trace.guess),
        shadow=_with_shared_names(trace.shadow),
    )


def _with_shared_names(guess: Guess | None) -> Guess | None:
    if guess is None:
        return None
    return Guess(intern(guess.label), guess.score, guess.novelty, intern(guess.policy))


@lru_cache
def _shared_teacher(teacher: Teacher) -> Teacher:
    return teacher


def _asked_at(trace: Trace) -> int:
    """Unix milliseconds, and not later than the reply where the client's clock was ahead."""
    return min(trace.requested_at, trace.replied_at)


def _serial(guess: Guess | None) -> int:
    return version_serial(guess.policy) if guess else 0


def usable_traces(window: TraceWindow, config: Config) -> list[Trace]:
    """The traces that bring all that the task's embedder reads: a text, a vector like the others, or both.

    Their labels are those of today; see `with_current_labels`.
    """
    spec = config.embedder
    traces = with_current_labels(window, LabelSet.of(config.teacher))
    brought = [trace for trace in traces if trace.text is not None or not reads_text(spec)]
    source = vectors_of(spec)
    if source is None:
        return brought
    brought = [trace for trace in _alike(brought, source) if trace.features is not None]
    sizes = Counter(len(trace.features or b"") for trace in brought)
    size = 4 * config.dimension if config.dimension else max(sizes, key=sizes.__getitem__, default=0)
    return [trace for trace in brought if len(trace.features or b"") == size]


def _alike(traces: list[Trace], source: str) -> list[Trace]:
    """The traces whose vectors come from this source, and from the same encoder as its newest ones."""
    ours = [trace for trace in traces if _source(trace.embedder) == source]
    newest = encoder_of(ours)
    return ours if newest is None else [trace for trace in traces if trace.encoder == newest]


@lru_cache
def _source(embedder: str) -> str | None:
    try:
        return vectors_of(embedder)
    except InvalidSpec:
        return None


def encoder_of(traces: list[Trace]) -> str | None:
    """Id of the encoder that made the newest vectors; None where none did."""
    return next((trace.encoder for trace in reversed(traces) if trace.encoder is not None), None)


def training_set(traces: list[Trace], config: Config) -> TrainingSet:
    """The training set of the traces, or of a draw of them, in the order in which they were requested.

    Traces are read from several partitions, and slow replies come late: the gate looks at the order of time.
    The texts are there if each trace has one, whatever the policy reads: repeats are found by them. Traces
    are drawn before their vectors are decoded, which then take memory for the drawn ones alone.

    Raises:
        InvalidVector: a trace's features hold a value that is not finite.
    """
    spec, available = config.embedder, len(traces)
    traces = _thinned(sorted(traces, key=lambda trace: trace.requested_at))
    rows = [decode_vector(trace.features or b"", None) for trace in traces] if vectors_of(spec) else None
    features = Features(
        known_texts(trace.text for trace in traces),
        None if rows is None else np.array(rows, dtype=np.float32),
    )
    sampled = np.array([trace.sampled for trace in traces], dtype=np.bool_)
    labels = [trace.label for trace in traces]
    drawn_from = None if len(traces) == available else available
    return TrainingSet(features, labels, sampled, trace_weights(traces), ordered=True, drawn_from=drawn_from)


def _thinned(traces: list[Trace]) -> list[Trace]:
    sampled = np.array([trace.sampled for trace in traces], dtype=np.bool_)
    thinned = thin_out([trace.label for trace in traces], sampled)
    if thinned is None:
        return traces
    kept = [traces[row] for row in thinned.rows.tolist()]
    return [
        trace if trace.sampled == stays else replace(trace, sampled=stays)
        for trace, stays in zip(kept, thinned.sampled.tolist(), strict=True)
    ]


def teachers(traces: list[Trace]) -> tuple[LabelSource, ...]:
    """The teachers whom a fit on the traces stands for, in order of appearance.

    Those that gave a tenth of the labels in the sample: a few calls with another prompt, among thousands, say
    nothing of how often a policy agrees with it.
    """
    sample = [trace for trace in traces if trace.sampled] or traces
    given = Counter(trace.teacher for trace in sample)
    known = [one for one, count in given.items() if one is not None and count >= _SHARE * len(sample)]
    return tuple(LabelSource(teacher.model, teacher.prompt) for teacher in known)
