"""What a policy says about itself: a JSON file that pins the graph by its hash."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from models.errors import PolicyError
from models.histograms import Reference
from models.study import CandidateResult, CurvePoint, LabelStats, Noise

FORMAT = 2

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class FrontierPoint(Struct, frozen=True):
    """A target agreement that was certified.

    Attributes:
        target: agreement with the teacher that is promised.
        threshold: smallest score that may be answered.
        coverage: share of the sampled traces that it answers.
        low: exact lower bound, at the manifest's delta, of the agreement on them.
    """

    target: Share
    threshold: Share
    coverage: Share
    low: Share


class LabelSource(Struct, frozen=True):
    """Who gave the labels: model name and hash of the prompt."""

    model: str
    prompt: str | None = None


class Member(Struct, frozen=True):
    """A surrogate in the pool of a stage.

    Attributes:
        stage: 0 for the first.
        kind: its name in `models.surrogates.zoo`.
        reads: `text` or `vectors`.
        weight: in the pool, > 0.
        strength: what regularises it; 0.0 where it has no such thing.
    """

    stage: int
    kind: str
    reads: str
    weight: float
    strength: float


class TestVector(Struct, frozen=True):
    """A stored input and what the graph made of it when it was written.

    Attributes:
        text: the text, for graphs that read one.
        embedding: little-endian float32, for graphs that read a vector.
        label: index into the manifest's labels.
        score: in [0, 1].
        novelty: on the policy's own scale.
    """

    label: int
    score: float
    novelty: float
    text: str | None = None
    embedding: bytes | None = None


class Manifest(Struct, frozen=True):
    """The policy's own account.

    Attributes:
        format: version of this file's layout; newer ones than `FORMAT` are refused.
        task, version: whose policy it is, and its name.
        labels: what it can answer, in the order of the graph's label output.
        embedder: the features it reads, in the grammar of `models.embedders.spec`; `text` for the text alone.
        dimension: length of the vector it reads, None for text.
        delta: chance of error that each point of the frontier was certified with.
        frontier: certified targets, lowest first.
        novelty_limit: rows with a novelty above it are deferred; 1.0, since novelty comes in its units.
        blocked: labels that are never answered.
        traces, sampled: how many it learned from, how many of those were a uniform sample.
        certifying: how many of the sampled ones the gate has tested its thresholds on.
        teachers: who gave the labels.
        parent: version that the fit started from.
        created_at: Unix milliseconds.
        libraries: versions it was made with.
        sha256: of the graph, in hexadecimal.
        surrogate, acceptor: what they are, in words.
        searched: with how many traces its surrogates, C and acceptor were chosen, by itself or an ancestor
            whose choices it took over; 0 where nothing was chosen by labels.
        members: the pools, stage by stage.
        accuracy: out-of-fold share of all traces on which the surrogate agrees with the teacher.
        seconds: what the fit took.
        probes: stored test vectors, checked at every load.
        encoder: id of the encoder that made the vectors; None where none did.
        reference: what the sampled traces looked like when scored; None where that was not kept.
        lineage: versions that it descends from, the parent first.
        trials: what was tried, what it scored, what it cost.
        accounts: how the surrogate does label by label.
        curve: what could be certified with fewer traces; empty where that was not looked at.
        noise: how often the teacher contradicts itself; None where the traces can't tell.
        seal: SHA-256 of this file's own content with an empty seal; made and checked by the codec below.
    """

    format: int
    task: str
    version: str
    labels: tuple[str, ...]
    embedder: str
    dimension: int | None
    delta: float
    frontier: tuple[FrontierPoint, ...]
    novelty_limit: float
    blocked: tuple[str, ...]
    traces: int
    sampled: int
    certifying: int
    teachers: tuple[LabelSource, ...]
    parent: str | None
    created_at: int
    libraries: dict[str, str]
    sha256: str
    surrogate: str
    acceptor: str
    searched: int
    members: tuple[Member, ...]
    accuracy: float
    seconds: float
    probes: tuple[TestVector, ...]
    encoder: str | None = None
    reference: Reference | None = None
    lineage: tuple[str, ...] = ()
    trials: tuple[CandidateResult, ...] = ()
    accounts: tuple[LabelStats, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    noise: Noise | None = None
    seal: str = ""

    def threshold(self, target: float) -> float | None:
        """The certified threshold of the smallest target in the frontier that is at least `target`.

        None when nothing at or above it was certified: defer everything.
        """
        point = point_for(self.frontier, target)
        return point.threshold if point else None

    def encode(self) -> bytes:
        """Indented JSON, sealed."""
        return msgspec.json.format(msgspec.json.encode(replace(self, seal=self._digest())), indent=1)

    def _digest(self) -> str:
        return hashlib.sha256(msgspec.json.encode(replace(self, seal=""))).hexdigest()

    @classmethod
    def decode(cls, raw: bytes) -> "Manifest":
        """Raises PolicyError: not a manifest, one of a newer layout, or one that was changed by hand."""
        try:
            version = msgspec.json.decode(raw, type=_Versioned).format
            if version > FORMAT:
                raise PolicyError(f"manifest: format {version} is newer than {FORMAT}, the newest known here")
            if version < FORMAT:
                raise PolicyError(f"manifest: format {version} is older than {FORMAT}: fit the policy anew")
            manifest = msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PolicyError(f"manifest: {error}") from error
        if manifest.seal != manifest._digest():
            raise PolicyError(
                "manifest: its content is not what its seal says; it was changed after it was made"
            )
        return manifest


class _Versioned(Struct):
    format: int


def point_for(frontier: Sequence[FrontierPoint], target: float) -> FrontierPoint | None:
    """The point of the smallest target that is at least `target`; None where there is none."""
    points = [point for point in frontier if point.target >= target - 1e-9]
    return min(points, key=lambda point: point.target, default=None)


def grid(asked: Sequence[float] = ()) -> tuple[float, ...]:
    """Targets that every fit tries: .80 to .99 in steps of .01, and those asked for; lowest first."""
    return tuple(
        sorted({round(percent / 100, 2) for percent in range(80, 100)} | {round(t, 6) for t in asked})
    )
