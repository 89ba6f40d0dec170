"""A policy that decides: the graph in a single-threaded session, opened only if everything about it checks.

Opening verifies the manifest's layout, the graph's hash, the graph's inputs and every stored test vector.
Scoring never accepts what it can't score: where novelty or score is not a number, the novelty is infinite and
the score 0.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.artifact import Artifact
from models.errors import PolicyError
from models.features import Features
from models.manifest import Manifest, Probe
from models.ngrams import encode, pad
from models.session import FAILURES, single_threaded

TEXTS_AT_ONCE = 64
BYTES_AT_ONCE = 8192
VECTORS_AT_ONCE = 256
TOLERANCE = 1e-3
OUTPUTS = ("label", "score", "novelty")


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

    def score(self, features: Features) -> Scores:
        """Label, score and novelty of each row; no row's depend on the others.

        Raises:
            PolicyError: the features are not the ones this policy reads.
        """
        label = np.zeros(len(features), dtype=np.int64)
        score = np.zeros(len(features), dtype=np.float32)
        novelty = np.full(len(features), np.inf, dtype=np.float32)
        for rows, feed in self._chunks(features):
            label[rows], score[rows], novelty[rows] = self._run(feed)
        named = (label >= 0) & (label < len(self.manifest.labels))
        unknown = ~(np.isfinite(score) & np.isfinite(novelty) & named)
        np.copyto(label, 0, where=unknown)
        np.copyto(novelty, np.inf, where=unknown)
        np.copyto(score, 0.0, where=unknown)
        return Scores(label, score, novelty)

    def _run(self, feed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            return self._session.run(OUTPUTS, feed)  # type: ignore[no-any-return]
        except FAILURES as error:
            raise PolicyError(f"graph of {self.manifest.version}: {error}") from error

    def _chunks(self, features: Features) -> Iterator[tuple[Any, dict[str, NDArray[Any]]]]:
        if self.manifest.dimension is None:
            yield from self._text_chunks(features)
        else:
            yield from self._vector_chunks(features)

    def _text_chunks(self, features: Features) -> Iterator[tuple[Any, dict[str, NDArray[Any]]]]:
        """Texts of like length together: the graph's work is that of the longest in a chunk."""
        if features.texts is None:
            raise PolicyError(f"policy {self.manifest.version} reads texts; the features have none")
        encoded = encode(features.texts)
        if len(encoded) == 1:
            yield slice(None), {"text": pad(encoded)}
            return
        order = np.argsort(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), kind="stable")
        end = len(order)
        while end > 0:
            longest = len(encoded[order[end - 1]])
            begin = max(0, end - max(1, min(TEXTS_AT_ONCE, BYTES_AT_ONCE // (longest + 1))))
            rows = order[begin:end]
            yield rows, {"text": pad([encoded[row] for row in rows.tolist()])}
            end = begin

    def _vector_chunks(self, features: Features) -> Iterator[tuple[Any, dict[str, NDArray[Any]]]]:
        vectors = features.embeddings
        if vectors is None:
            raise PolicyError(f"policy {self.manifest.version} reads vectors; the features have none")
        if vectors.ndim != 2 or vectors.shape[1] != self.manifest.dimension:
            wanted = f"[n, {self.manifest.dimension}] as made by {self.manifest.embedder}"
            raise PolicyError(f"embeddings: shape {list(vectors.shape)}, but this policy reads {wanted}")
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        for begin in range(0, len(vectors), VECTORS_AT_ONCE):
            rows = slice(begin, begin + VECTORS_AT_ONCE)
            yield rows, {"embedding": vectors[rows]}

    def _check_ports(self) -> None:
        made = [item.name for item in self._session.get_outputs()]
        if made != list(OUTPUTS):
            raise PolicyError(f"graph: makes {made}, must make {list(OUTPUTS)}")
        wanted = "text" if self.manifest.dimension is None else "embedding"
        found = [item.name for item in self._session.get_inputs()]
        if found != [wanted]:
            raise PolicyError(f"graph: reads {found}, the manifest says it reads {wanted}")

    def _check_probes(self) -> None:
        for number, probe in enumerate(self.manifest.probes):
            scores = self.score(_features(probe, number))
            found = (int(scores.label[0]), float(scores.score[0]), float(scores.novelty[0]))
            if not _agrees(found, probe):
                wanted = (probe.label, probe.score, probe.novelty)
                raise PolicyError(f"probe {number}: the graph gives {found}, the manifest says {wanted}")


def _agrees(found: tuple[int, float, float], probe: Probe) -> bool:
    return (
        found[0] == probe.label
        and abs(found[1] - probe.score) <= TOLERANCE
        and abs(found[2] - probe.novelty) <= TOLERANCE
    )


def _features(probe: Probe, number: int) -> Features:
    if probe.text is not None:
        return Features(texts=[probe.text])
    if probe.embedding is not None and len(probe.embedding) % 4 == 0:
        return Features(embeddings=np.frombuffer(probe.embedding, dtype="<f4").reshape(1, -1))
    raise PolicyError(f"manifest: probe {number} has neither a text nor a vector of float32")


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    try:
        return single_threaded(graph)
    except FAILURES as error:
        raise PolicyError(f"graph: not an ONNX model that this runtime can load: {error}") from error
