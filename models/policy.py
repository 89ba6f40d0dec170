"""A policy that decides: the graph in a single-threaded session, opened only if everything about it checks.

Opening verifies the manifest's layout, the graph's hash, the graph's inputs and every stored test vector.
Scoring never accepts what it can't score: where novelty or score is not a number, the novelty is infinite and
the score 0.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.artifact import Artifact
from models.embedders.spec import is_lazy, reads_text
from models.errors import PolicyError
from models.features import Features
from models.featurizers import onnx_inputs
from models.graph.session import FAILURES, single_threaded
from models.manifest import Manifest, TestVector

TOLERANCE = 1e-3
OUTPUTS = ("label", "score", "novelty")
FIRST_OUTPUTS = ("first_label", "first_score", "first_novelty", "first_done")

Embed = Callable[[NDArray[np.int64]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the surrogate makes of n rows.

    Attributes:
        label: int64 [n], index into the manifest's labels.
        score: float32 [n], in [0, 1]: probability that the teacher agrees.
        novelty: float32 [n], to be compared with the manifest's limit; infinite if it can't be told.
    """

    label: NDArray[np.int64]
    score: NDArray[np.float32]
    novelty: NDArray[np.float32]


class _Unscored:
    """Scores that fill up; what is never put, or is not a number, is infinitely novel and scores 0."""

    def __init__(self, rows: int) -> None:
        self._label = np.zeros(rows, dtype=np.int64)
        self._score = np.zeros(rows, dtype=np.float32)
        self._novelty = np.full(rows, np.inf, dtype=np.float32)

    def put(self, rows: Any, found: Sequence[NDArray[Any]]) -> None:
        self._label[rows], self._score[rows], self._novelty[rows] = found

    def checked(self, labels: int) -> Scores:
        named = (self._label >= 0) & (self._label < labels)
        unknown = ~(np.isfinite(self._score) & np.isfinite(self._novelty) & named)
        np.copyto(self._label, 0, where=unknown)
        np.copyto(self._novelty, np.inf, where=unknown)
        np.copyto(self._score, 0.0, where=unknown)
        return Scores(self._label, self._score, self._novelty)


class Policy:
    """One version of a task's policy, ready to score.

    Attributes:
        manifest: its own account.
        blocked: bool [labels], those that are never answered.
    """

    def __init__(self, manifest: Manifest, session: onnxruntime.InferenceSession) -> None:
        self.manifest = manifest
        self.blocked = np.isin(
            np.array(manifest.labels, dtype=object), np.array(manifest.blocked, dtype=object)
        )
        self._session = session
        self._reads_text = reads_text(manifest.embedder)
        self._lazy = is_lazy(manifest.embedder)

    @classmethod
    def open(cls, manifest: bytes, graph: bytes) -> "Policy":
        """Verify, load and probe.

        Raises:
            PolicyError: anything about it is not as it should be; the message says what.
        """
        account = Manifest.decode(manifest)
        found = hashlib.sha256(graph).hexdigest()
        if found != account.sha256:
            raise PolicyError(
                f"graph: SHA-256 is {found}, the manifest says {account.sha256}: one was changed"
            )
        policy = cls(account, _session(graph))
        policy._check_ports()
        policy._check_probes()
        return policy

    @classmethod
    def load(cls, directory: Path) -> "Policy":
        """Open `policy.onnx` and `manifest.json`. Raises PolicyError as `open`, or if a file is missing."""
        artifact = Artifact.read(directory)
        return cls.open(artifact.manifest, artifact.graph)

    def score(self, features: Features, embed: Embed | None = None) -> Scores:
        """Label, score and novelty of each row; no row's depend on the others.

        Args:
            embed: makes the vectors [m, d] of these m rows. A cascade whose first stage reads the text alone
                asks for those that go on to the second, once at most; where it is None, or for other
                policies, the features have all vectors.

        Raises:
            PolicyError: the features are not the ones this policy reads.
        """
        scores = _Unscored(len(features))
        if self._lazy:
            self._score_lazily(features, embed, scores)
        else:
            for rows, feed in self._chunks(features):
                scores.put(rows, self._run(OUTPUTS, feed))
        return scores.checked(len(self.manifest.labels))

    def _score_lazily(self, features: Features, embed: Embed | None, scores: "_Unscored") -> None:
        """The first stage for all rows, then both for those that it leaves open."""
        dimension = self.manifest.dimension or 0
        nothing: onnx_inputs.Feed = {
            "embedding": np.zeros((0, dimension), np.float32),
            "rest": np.zeros(0, np.int64),
        }
        done = np.zeros(len(features), dtype=np.bool_)
        for rows, feed in onnx_inputs.of_texts(features):
            *found, done[rows] = self._run(FIRST_OUTPUTS, feed | nothing)
            scores.put(rows, found)
        rest = np.flatnonzero(~done)
        if len(rest) == 0:
            return
        left = features.take(rest)
        if features.embeddings is None and embed is not None:
            left = Features(left.texts, embed(rest))
        for rows, feed in onnx_inputs.of_both(left, dimension):
            counted = np.arange(len(feed["text"]))
            scores.put(rest[rows], self._run(OUTPUTS, feed | {"rest": counted}))

    def _run(self, outputs: Sequence[str], feed: onnx_inputs.Feed) -> list[NDArray[Any]]:
        try:
            return self._session.run(outputs, feed)  # type: ignore[no-any-return]
        except FAILURES as error:
            raise PolicyError(f"graph of {self.manifest.version}: {error}") from error

    def _chunks(self, features: Features) -> Iterator[onnx_inputs.Chunk]:
        dimension = self.manifest.dimension
        if dimension is None:
            return onnx_inputs.of_texts(features)
        return (
            onnx_inputs.of_both(features, dimension)
            if self._reads_text
            else onnx_inputs.of_vectors(features, dimension)
        )

    def _check_ports(self) -> None:
        made = [item.name for item in self._session.get_outputs()]
        wanted = [*OUTPUTS, *(FIRST_OUTPUTS if self._lazy else ())]
        if sorted(made) != sorted(wanted):
            raise PolicyError(f"graph: makes {made}, must make {wanted}")
        reads = (self._reads_text, self.manifest.dimension is not None, self._lazy)
        inputs = [name for name, read in zip(("text", "embedding", "rest"), reads, strict=True) if read]
        found = [item.name for item in self._session.get_inputs()]
        if sorted(found) != sorted(inputs):
            raise PolicyError(f"graph: reads {found}, the manifest says it reads {inputs}")

    def _check_probes(self) -> None:
        for number, probe in enumerate(self.manifest.probes):
            scores = self.score(_features(probe, number))
            found = (int(scores.label[0]), float(scores.score[0]), float(scores.novelty[0]))
            if not _agrees(found, probe):
                wanted = (probe.label, probe.score, probe.novelty)
                raise PolicyError(f"probe {number}: the graph gives {found}, the manifest says {wanted}")


def _agrees(found: tuple[int, float, float], probe: TestVector) -> bool:
    return (
        found[0] == probe.label
        and abs(found[1] - probe.score) <= TOLERANCE
        and abs(found[2] - probe.novelty) <= TOLERANCE * max(1.0, abs(probe.novelty))
    )


def _features(probe: TestVector, number: int) -> Features:
    texts = None if probe.text is None else [probe.text]
    if (texts is None and probe.embedding is None) or len(probe.embedding or b"") % 4:
        raise PolicyError(f"manifest: probe {number} has neither a text nor a vector of float32")
    vectors = None if probe.embedding is None else np.frombuffer(probe.embedding, dtype="<f4").reshape(1, -1)
    return Features(texts, vectors)


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    try:
        return single_threaded(graph)
    except FAILURES as error:
        raise PolicyError(f"graph: not an ONNX model that this runtime can load: {error}") from error
