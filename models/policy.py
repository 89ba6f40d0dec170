"""Policies that score requests: a graph in a single-threaded session, opened only if every check passes.

Opening verifies the manifest's layout, the graph's hash, the graph's inputs and every test vector. A row
that can't be scored is never accepted: if novelty or score is not a number, the novelty is infinite and the
score 0.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.artifact import Artifact
from models.embedders.kinds import is_staged, reads_text, starts_with_text
from models.errors import InvalidSpec, PolicyError
from models.features import Embed, Features
from models.featurizers import onnx_inputs
from models.graph.session import FAILURES, single_threaded
from models.manifest import Manifest, TestVector
from models.stage_runner import StageRunner

TOLERANCE = 1e-3
OUTPUTS = ("label", "score", "novelty")
FIRST_OUTPUTS = ("first_label", "first_score", "first_novelty", "first_done")


@dataclass(frozen=True, slots=True)
class Scores:
    """Labels, scores and novelty of n rows.

    Attributes:
        label: int64 [n], index into the manifest's labels.
        score: float32 [n], in [0, 1]: probability that the teacher agrees.
        novelty: float32 [n], compared with the manifest's limit; infinite if it can't be computed.
    """

    label: NDArray[np.int64]
    score: NDArray[np.float32]
    novelty: NDArray[np.float32]


class _ScoreBuffer:
    """Scores, filled in chunk by chunk; rows without finite results get infinite novelty and score 0."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._scores: Scores | None = None

    def put(self, rows: Any, results: Sequence[NDArray[Any]]) -> None:
        if rows is onnx_inputs.ALL_ROWS:
            self._scores = Scores(*results)
            return
        self._scores = self._scores or self._unscored()
        self._scores.label[rows], self._scores.score[rows], self._scores.novelty[rows] = results

    def check(self, labels: int) -> Scores:
        scores = self._scores or self._unscored()
        known = scores.label.view(np.uint64) < labels  # a label below 0 is a huge number there
        scored = np.isfinite(scores.score) & np.isfinite(scores.novelty) & known
        if np.count_nonzero(scored) < self._rows:
            np.copyto(scores.label, 0, where=~scored)
            np.copyto(scores.score, 0.0, where=~scored)
            np.copyto(scores.novelty, np.inf, where=~scored)
        return scores

    def _unscored(self) -> Scores:
        return Scores(
            np.zeros(self._rows, dtype=np.int64),
            np.zeros(self._rows, dtype=np.float32),
            np.full(self._rows, np.inf, dtype=np.float32),
        )


class Policy:
    """One version of a task's policy, ready to score.

    Attributes:
        manifest: its description.
        blocked: bool [labels], never answered.
    """

    def __init__(self, manifest: Manifest, session: onnxruntime.InferenceSession) -> None:
        self.manifest = manifest
        self.blocked = np.isin(
            np.array(manifest.labels, dtype=object), np.array(manifest.blocked, dtype=object)
        )
        self._session = session
        self._reads_text = reads_text(manifest.embedder)
        self._stages = StageRunner(manifest, self._run) if is_staged(manifest.embedder) else None
        self._lazy = self._stages is None and starts_with_text(manifest.embedder)

    @classmethod
    def open(cls, manifest: bytes, graph: bytes) -> "Policy":
        """Verify the files, load the graph and check the test vectors.

        Raises:
            PolicyError: a check failed; the message says which.
        """
        decoded = Manifest.decode(manifest)
        digest = hashlib.sha256(graph).hexdigest()
        if digest != decoded.sha256:
            raise PolicyError(
                f"graph: SHA-256 is {digest}, the manifest says {decoded.sha256}: one was changed"
            )
        try:
            policy = cls(decoded, _open_session(graph))
        except InvalidSpec as error:
            raise PolicyError(f"manifest: this release does not know its {error}") from error
        policy._check_inputs_and_outputs()
        policy._check_test_vectors()
        return policy

    @classmethod
    def load(cls, directory: Path) -> "Policy":
        """Open `policy.onnx` and `manifest.json`. Raises PolicyError as `open`, or if a file is missing."""
        artifact = Artifact.read(directory)
        return cls.open(artifact.manifest, artifact.graph)

    @cached_property
    def _text_input(self) -> str:
        """Graphs of earlier releases read the text itself."""
        inputs = {item.name for item in self._session.get_inputs()}
        return onnx_inputs.TEXT if onnx_inputs.TEXT in inputs else onnx_inputs.WINDOWS

    def score(self, features: Features, embed: Embed | None = None) -> Scores:
        """Label, score and novelty of each row, which do not depend on the other rows.

        Args:
            embed: asked for vectors by a cascade, when a stage begins to read those of a source, for the rows
                of that stage. If it is None, and for other policies, the features must have all vectors.

        Raises:
            PolicyError: the features are not those that this policy reads.
        """
        scores = _ScoreBuffer(len(features))
        if self._stages is not None:
            self._stages.score(features, embed, scores.put, None)
        elif self._lazy:
            self._score_lazily(features, embed, scores)
        else:
            for rows, feed in self._chunks(features):
                scores.put(rows, self._run(OUTPUTS, feed))
        return scores.check(len(self.manifest.labels))

    def score_early(
        self, features: Features, parts: int = 0, embed: Embed | None = None
    ) -> tuple[Scores, NDArray[np.bool_]]:
        """The stages of a cascade that read only the text, and vectors of the first `parts` sources.

        Args:
            embed: as in `score`.

        Returns:
            Scores of each row, and for each row whether one of these stages decides it: they are final then.

        Raises:
            PolicyError: no stage reads so little, or the features are not those that these stages read.
        """
        scores = _ScoreBuffer(len(features))
        if self._stages is not None:
            done = self._stages.score(features, embed, scores.put, parts) >= 0
        elif self._lazy and parts == 0:
            done = self._score_first(features, scores)
        else:
            raise PolicyError(f"policy {self.manifest.version} needs a vector for each text")
        checked = scores.check(len(self.manifest.labels))
        return checked, done & np.isfinite(checked.novelty)

    def decided_by(self, features: Features) -> NDArray[np.int64] | None:
        """The place of the tier that decides each row, int64 [n]; None where the graph does not say.

        Raises:
            PolicyError: as `score`; the features must have all vectors.
        """
        if self._stages is not None:
            return self._stages.score(features, None, lambda *_: None, None)
        return np.where(self.score_early(features)[1], 0, 1) if self._lazy else None

    def _score_first(self, features: Features, scores: "_ScoreBuffer") -> NDArray[np.bool_]:
        """Run the first stage on all rows; which of them it decides."""
        no_vectors: onnx_inputs.Feed = {
            onnx_inputs.EMBEDDING: np.zeros((0, self.manifest.dimension or 0), np.float32),
            "rest": np.zeros(0, np.int64),
        }
        done = np.zeros(len(features), dtype=np.bool_)
        for rows, feed in onnx_inputs.of_texts(features, self._text_input, onnx_inputs.BYTES_AT_ONCE):
            *results, done[rows] = self._run(FIRST_OUTPUTS, feed | no_vectors)
            scores.put(rows, results)
        return done

    def _score_lazily(self, features: Features, embed: Embed | None, scores: "_ScoreBuffer") -> None:
        """Run the first stage on all rows, then both stages on the rows that it does not decide."""
        rest = np.flatnonzero(~self._score_first(features, scores))
        if len(rest) == 0:
            return
        left = features.take(rest)
        if features.embeddings is None and embed is not None:
            left = Features(left.texts, embed(rest, 0))
        dimension = self.manifest.dimension or 0
        for rows, feed in onnx_inputs.of_both(left, dimension, self._text_input):
            numbers = np.arange(len(feed[onnx_inputs.EMBEDDING]))
            scores.put(rest[rows], self._run(OUTPUTS, feed | {"rest": numbers}))

    def _run(self, outputs: Sequence[str], feed: onnx_inputs.Feed) -> list[NDArray[Any]]:
        try:
            return self._session.run(outputs, feed)  # type: ignore[no-any-return]
        except FAILURES as error:
            raise PolicyError(f"graph failed, policy {self.manifest.version}: {error}") from error

    def _chunks(self, features: Features) -> Iterator[onnx_inputs.Chunk]:
        dimension = self.manifest.dimension
        if dimension is None:
            return onnx_inputs.of_texts(features, self._text_input)
        return (
            onnx_inputs.of_both(features, dimension, self._text_input)
            if self._reads_text
            else onnx_inputs.of_vectors(features, dimension)
        )

    def _check_inputs_and_outputs(self) -> None:
        outputs = [item.name for item in self._session.get_outputs()]
        expected = [*OUTPUTS, *(FIRST_OUTPUTS if self._lazy else ())]
        if self._stages is not None:
            expected = list(self._stages.outputs)
        if sorted(outputs) != sorted(expected):
            raise PolicyError(f"graph: outputs are {outputs}, must be {expected}")
        reads = (self._reads_text, self.manifest.dimension is not None, self._lazy)
        names = (self._text_input, onnx_inputs.EMBEDDING, "rest")
        expected = [name for name, read in zip(names, reads, strict=True) if read]
        if self._stages is not None:
            expected = list(self._stages.inputs)
        inputs = [item.name for item in self._session.get_inputs()]
        if sorted(inputs) != sorted(expected):
            raise PolicyError(f"graph: inputs are {inputs}, must be {expected} by the manifest")

    def _check_test_vectors(self) -> None:
        for number, vector in enumerate(self.manifest.probes):
            scores = self.score(_test_features(vector, number))
            result = (int(scores.label[0]), float(scores.score[0]), float(scores.novelty[0]))
            if not _matches(result, vector):
                expected = (vector.label, vector.score, vector.novelty)
                raise PolicyError(f"test vector {number}: the graph gives {result}, must give {expected}")


def _matches(result: tuple[int, float, float], vector: TestVector) -> bool:
    label, score, novelty = result
    return (
        label == vector.label
        and abs(score - vector.score) <= TOLERANCE
        and abs(novelty - vector.novelty) <= TOLERANCE * max(1.0, abs(vector.novelty))
    )


def _test_features(vector: TestVector, number: int) -> Features:
    texts = None if vector.text is None else [vector.text]
    if (texts is None and vector.embedding is None) or len(vector.embedding or b"") % 4:
        raise PolicyError(f"manifest: test vector {number} has neither a text nor a vector of float32")
    vectors = None
    if vector.embedding is not None:
        vectors = np.frombuffer(vector.embedding, dtype="<f4").reshape(1, -1)
    return Features(texts, vectors)


def _open_session(graph: bytes) -> onnxruntime.InferenceSession:
    try:
        return single_threaded(graph)
    except FAILURES as error:
        raise PolicyError(f"graph: ONNX Runtime can't load it: {error}") from error
