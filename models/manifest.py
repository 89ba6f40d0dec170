"""The manifest of a policy: a JSON file that describes it and pins its graph by hash."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from models.errors import PolicyError
from models.histograms import Reference
from models.study import CandidateResult, CurvePoint, LabelStats, Noise

FORMAT = 2

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class FrontierPoint(Struct, frozen=True):
    """A target agreement that passed the gate.

    Attributes:
        target: agreement with the teacher.
        threshold: lowest score that may be answered.
        coverage: share of the gate's traces that it answers.
        low: exact lower bound, at the manifest's delta, of the agreement on the answered ones.
        deferred_shift: of the log-odds of scores under the threshold, which makes of them a cautious
            expectation of agreement (`models.deferrals`); None where an earlier release did not note it.
        tiers: share of the gate's traces that each tier of a staged cascade answers, first one first; unset
            for all other policies.
    """

    target: Share
    threshold: Share
    coverage: Share
    low: Share
    deferred_shift: float | None = None
    tiers: tuple[Share, ...] | UnsetType = UNSET


class LabelSource(Struct, frozen=True):
    """A teacher that gave labels: model name and hash of the prompt."""

    model: str
    prompt: str | None = None


class Member(Struct, frozen=True):
    """A surrogate in the pool of a stage.

    Attributes:
        stage: 0 for the first.
        kind: its name in `models.surrogates.zoo`.
        reads: `text`, `vectors`, or `vectors2` for those of the second source.
        weight: in the pool, > 0.
        strength: its regularisation; 0.0 where it has none.
    """

    stage: int
    kind: str
    reads: str
    weight: float
    strength: float


class TestVector(Struct, frozen=True):
    """A stored input and the graph's result for it when the policy was made.

    Attributes:
        text: for graphs that read one.
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
    """Description of a policy, sealed against changes.

    Attributes:
        format: version of this file's layout; newer ones than `FORMAT` are refused.
        task, version: of the policy.
        labels: that it can answer with, in the order of the graph's label output.
        embedder: the features its tiers read, as `models.embedders.kinds` writes them; `text` for text alone.
        dimension: length of the vector it reads, of all sources together; None for text.
        delta: chance of error with which each point of the frontier passed the gate.
        frontier: targets that passed the gate, lowest first.
        novelty_limit: rows with a novelty above it are deferred; 1.0, since novelty comes in its units.
        blocked: labels that are never answered.
        traces, sampled: number of traces that it learned from, and of those in a uniform sample of all
            traffic.
        certifying: number of sampled traces on which the gate tested thresholds.
        teachers: that gave the labels, in a stream those that gave a tenth of the sampled ones.
        parent: version that the fit started from; None without one.
        created_at: Unix milliseconds.
        libraries: versions of the libraries that made it.
        sha256: of the graph, in hexadecimal.
        surrogate, acceptor: in words.
        searched: number of traces with which its surrogates, C and acceptor were chosen, by this fit or by an
            ancestor whose choices it took over; 0 if no label decided a choice.
        members: of the pools, stage by stage.
        accuracy: share of all traces on which the surrogate's guess is the teacher's label, out of fold.
        seconds: that the fit took.
        probes: test vectors, checked at every load.
        encoder: id of the encoder that made the vectors; None without one. Of several sources it says how
            long each one's vector is (`models.embedders.composite`).
        reference: histograms of the sampled traces' scores; None if they were not kept.
        offered: labels that the teacher could give to the traces, also those that it never gave; None where
            that is not known.
        lineage: ancestors, the parent first.
        trials: the models that were tried, with their scores and seconds.
        accounts: statistics of each label.
        curve: coverage with fewer traces; empty if it was not measured.
        noise: how often the teacher contradicts itself; None if the traces can't tell.
        drawn_from: how many traces there were, of which `traces` were drawn to learn from; unset where these
            were all, and then not written: manifests from before it was there keep their seal.
        seal: SHA-256 of this file's own content with an empty seal; made by `encode`, checked by `decode`.
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
    offered: tuple[str, ...] | None = None
    lineage: tuple[str, ...] = ()
    trials: tuple[CandidateResult, ...] = ()
    accounts: tuple[LabelStats, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    noise: Noise | None = None
    drawn_from: int | UnsetType = UNSET
    seal: str = ""

    def threshold(self, target: float) -> float | None:
        """The threshold of the smallest target in the frontier that is at least `target`.

        None if no such target passed the gate: defer everything.
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
                raise PolicyError(
                    f"manifest: format {version} is newer than {FORMAT}, the newest that is supported here"
                )
            if version < FORMAT:
                raise PolicyError(f"manifest: format {version} is older than {FORMAT}: fit the policy again")
            manifest = msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PolicyError(f"manifest: {error}") from error
        if manifest.seal != manifest._digest():
            raise PolicyError(
                "manifest: seal does not match the content: the file was changed after it was made"
            )
        return manifest


class _Versioned(Struct):
    format: int


def point_for(frontier: Sequence[FrontierPoint], target: float) -> FrontierPoint | None:
    """The point of the smallest target that is at least `target`; None where there is none."""
    points = [point for point in frontier if point.target >= target - 1e-9]
    return min(points, key=lambda point: point.target, default=None)


def grid(asked: Sequence[float] = ()) -> tuple[float, ...]:
    """Targets that every fit tests: .80 to .99 in steps of .01, and the requested ones; lowest first."""
    return tuple(
        sorted({round(percent / 100, 2) for percent in range(80, 100)} | {round(t, 6) for t in asked})
    )
