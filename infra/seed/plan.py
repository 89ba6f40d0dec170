"""Plans a seeding: which rows become traces of the task, which of these may certify, and what is left out.

Traces that certify have to be a uniform sample of the task's traffic, with the labels of its teacher. No file
shows that by itself, so seeded traces only train, unless the operator says that the file is such a sample.
Even then a row does not certify if another model answered it, or if the file marks it as not sampled.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from infra.errors import InvalidFile
from infra.seed.labels import label_of
from models.embedders.kinds import PRECOMPUTED, reads_text, vectors_of
from schemas.codec import TRACE
from schemas.config import Config
from schemas.errors import InvalidVector
from schemas.messages import Reason, Teacher, Trace
from schemas.vectors import decode_vector, vector_bytes
from streams.errors import MaskFailed
from streams.label_set import LabelSet
from streams.privacy.forgotten import ForgottenRequests
from streams.privacy.mask import Mask, mask_text
from streams.recorded_calls.rows import LeftOut, PastCall, Read

OTHER_MODEL = "another model than the task's teacher answered"
NOT_SAMPLED = "the file says that they are not sampled"
FORGOTTEN_UNDATED = "its request is to be forgotten; a row without a time counts as older (see --as-of)"
_LONGEST_ID = 256
# A clock that is a little ahead is no time in the future.
_AHEAD_MS = 60_000


@dataclass(frozen=True, slots=True)
class SeedRules:
    """Attributes:
    as_of: Unix milliseconds; when the last row without a time was asked. None for now.
    uniform: the operator says that the rows are a uniform sample of the task's traffic of that time, with the
        labels of its teacher.
    label_field: see `label_of`.
    now: Unix milliseconds.
    largest: bytes that a trace may have.
    """

    task: str
    config: Config
    now: int
    largest: int
    as_of: int | None = None
    uniform: bool = False
    label_field: str | None = None
    mask: Mask | None = None
    forgotten: ForgottenRequests = field(default_factory=ForgottenRequests)


@dataclass(slots=True)
class SeedPlan:
    """What a seeding would write.

    Attributes:
        read: records.
        traces: in the order of the file.
        left_out: how many records, by reason; `first` is where the first of each kind stands.
        not_sampled: how many traces only train although the operator says that they are a sample, by reason.
    """

    read: int = 0
    traces: list[Trace] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    not_sampled: Counter[str] = field(default_factory=Counter)

    @property
    def labels(self) -> Counter[str]:
        return Counter(trace.label for trace in self.traces)

    @property
    def sampled(self) -> int:
        return sum(trace.sampled for trace in self.traces)

    def leave_out(self, place: str, reason: str) -> None:
        self.left_out[reason] += 1
        self.first.setdefault(reason, place)


def plan_seed(reads: Iterable[Read], rules: SeedRules) -> SeedPlan:
    """The traces of the rows, and why other rows are left out.

    Raises:
        InvalidFile: the rows hold more labels than the task may have, or are to certify and have no time.
    """
    plan, maker = SeedPlan(), _TraceMaker(rules)
    timeless: list[int] = []
    for found in reads:
        plan.read += 1
        made = found if isinstance(found, LeftOut) else maker.trace(found)
        if isinstance(made, LeftOut):
            plan.leave_out(*made)
            continue
        if made.requested_at == 0:
            timeless.append(len(plan.traces))
        if rules.uniform and not made.sampled and isinstance(found, PastCall):
            plan.not_sampled[OTHER_MODEL if found.sampled else NOT_SAMPLED] += 1
        plan.traces.append(made)
    _check_labels(plan, rules.config)
    _set_times(plan, timeless, rules)
    return plan


class _TraceMaker:
    """Makes traces of rows, one by one; remembers ids and the size of vectors."""

    def __init__(self, rules: SeedRules) -> None:
        self._rules = rules
        self._labels = LabelSet.of(rules.config.teacher)
        self._names = (*self._labels.names, *rules.config.teacher.labels_renamed)
        self._names = self._names if self._labels.names else ()
        self._reads_text = reads_text(rules.config.embedder)
        self._source = vectors_of(rules.config.embedder)
        self._dimension = rules.config.dimension
        self._ids: set[str] = set()
        self._alike: Counter[bytes] = Counter()

    def trace(self, row: PastCall) -> Trace | LeftOut:
        """The trace of a row; `requested_at` is 0 where the row has no time."""
        label = label_of(row, self._names, self._rules.label_field)
        if label is None:
            allowed = "one of `teacher.labels`" if self._names else "a label of one line"
            return LeftOut(row.place, f"the answer is not {allowed}")
        features = self._features(row)
        text = self._text(row)
        for problem in (features, text):
            if isinstance(problem, LeftOut):
                return problem
        at = row.at or 0
        if at > self._rules.now + _AHEAD_MS:
            return LeftOut(row.place, "its time is in the future")
        name = self._name(row, text, features, label)
        if name in self._ids:
            return LeftOut(row.place, "an earlier row has its id")
        self._ids.add(name)
        # A row without a time may be older than the request to forget it.
        if self._rules.forgotten.covers(self._rules.task, name, at or self._rules.as_of or 0):
            return LeftOut(row.place, "its request is to be forgotten" if at else FORGOTTEN_UNDATED)
        made = Trace(
            id=name,
            task=self._rules.task,
            label=label,
            reason=Reason.SEEDED,
            audit=False,
            sampled=self._rules.uniform and row.sampled and self._is_teacher(row.model),
            embedder=self._rules.config.embedder,
            requested_at=at,
            replied_at=at,
            text=text if isinstance(text, str) else None,
            features=features if isinstance(features, bytes) else None,
            teacher=None if row.model is None else Teacher(row.model),
        )
        too_large = len(TRACE.encode(made)) > self._rules.largest
        return LeftOut(row.place, "it is larger than a message may be") if too_large else made

    def _text(self, row: PastCall) -> str | LeftOut | None:
        needed = self._reads_text or self._source not in (None, PRECOMPUTED)
        if row.text is None:
            return (
                LeftOut(row.place, "it has no text, and the task's `embedder` reads texts")
                if needed
                else None
            )
        if self._rules.mask is None:
            return row.text
        try:
            return mask_text(self._rules.mask, row.text)
        except MaskFailed:
            return LeftOut(row.place, "its text can't be masked")

    def _features(self, row: PastCall) -> bytes | LeftOut | None:
        """The vector that the row brings, where the task reads such vectors."""
        if self._source != PRECOMPUTED:
            return None
        if row.embedding is None:
            return LeftOut(row.place, "it has no vector, and the task's `embedder` reads vectors")
        try:
            self._dimension = len(decode_vector(row.embedding, self._dimension))
        except InvalidVector:
            return LeftOut(row.place, f"its vector is not {self._dimension or 'at least 1'} finite numbers")
        return vector_bytes(row.embedding)

    def _name(self, row: PastCall, text: object, features: object, label: str) -> str:
        """The row's own id, else one that a later run of the same file gives again."""
        if row.id is not None and len(row.id) <= _LONGEST_ID:
            return row.id
        digest = hashlib.blake2b(digest_size=16)
        for part in (row.id, text, features, label):
            raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "little") + raw)
        self._alike[digest.digest()] += 1
        return f"seed-{digest.hexdigest()}-{self._alike[digest.digest()]}"

    def _is_teacher(self, model: str | None) -> bool:
        """Whether the model may be the task's teacher, as far as the names say."""
        wanted = self._rules.config.teacher.model
        if model is None or wanted is None:
            return True
        given, wanted = (name.rpartition("/")[2].lower() for name in (model, wanted))
        return given == wanted or any(
            longer.startswith(f"{shorter}-") and longer[len(shorter) + 1 :].replace("-", "").isdigit()
            for longer, shorter in ((given, wanted), (wanted, given))
        )


def _check_labels(plan: SeedPlan, config: Config) -> None:
    """Raises InvalidFile: answers of any kind are no labels."""
    most = config.teacher.most_labels
    if not config.teacher.labels and len(plan.labels) > most:
        raise InvalidFile(
            f"the rows hold {len(plan.labels):,} different labels, and the task may have {most:,}: is this "
            "the right field (--label-column)? Else set `teacher.labels`, or raise `teacher.most_labels`"
        )


def _set_times(plan: SeedPlan, timeless: list[int], rules: SeedRules) -> None:
    """Give rows without a time one, in the order of the file, a millisecond apart."""
    if not timeless:
        return
    if rules.uniform and rules.as_of is None and any(plan.traces[at].sampled for at in timeless):
        raise InvalidFile(
            f"{len(timeless):,} rows have no time, and old ones may not certify: say when the last of them "
            "was asked with --as-of, or name their field with --time-column"
        )
    last = rules.now if rules.as_of is None else rules.as_of
    for before, at in enumerate(reversed(timeless)):
        moment = max(1, last - before)
        plan.traces[at] = replace(plan.traces[at], requested_at=moment, replied_at=moment)
