"""Runs a staged graph stage by stage, each on the rows that those before it leave open.

One run computes one stage: the others get no rows. Vectors of a source are asked for when the first stage
that reads them begins, and only for its rows.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.embedders.composite import encoder_parts, places_of
from models.embedders.kinds import parts_read, reads_text, sources, tiers
from models.errors import PolicyError
from models.features import Embed, Features
from models.featurizers import onnx_inputs
from models.featurizers.ngrams import ORDERS
from models.graph.stage_names import rows_input, stage_outputs
from models.manifest import Manifest

Rows = NDArray[np.int64]
Run = Callable[[Sequence[str], onnx_inputs.Feed], list[NDArray[Any]]]
Put = Callable[[Rows, Sequence[NDArray[Any]]], None]


class StageRunner:
    """Scores rows by a staged graph.

    Attributes:
        inputs, outputs: that the graph must have.

    Args:
        run: computes outputs from inputs.

    Raises:
        PolicyError: the manifest's encoder does not say where the vector of each source begins.
    """

    def __init__(self, manifest: Manifest, run: Run) -> None:
        spec, self._run = manifest.embedder, run
        self._tiers, self._parts_read, self._dimension = tiers(spec), parts_read(spec), manifest.dimension
        self._sources = sources(spec)
        parts = encoder_parts(manifest.encoder, manifest.dimension, len(self._sources))
        if parts is None:
            raise PolicyError(
                f"manifest: encoder {manifest.encoder} does not name the {len(self._sources)} parts of "
                f"vectors of {manifest.dimension} numbers"
            )
        self._places = places_of(parts)
        self._no_rows: onnx_inputs.Feed = {
            onnx_inputs.vector_input(number): np.zeros((0, part.length), np.float32)
            for number, part in enumerate(parts)
        }
        if reads_text(spec):
            self._no_rows[onnx_inputs.WINDOWS] = np.zeros((0, ORDERS[-1], 1), np.uint8)
        self._no_rows |= {rows_input(stage): np.zeros(0, np.int64) for stage in range(len(self._tiers))}
        self.inputs = tuple(self._no_rows)
        self.outputs = tuple(name for stage in range(len(self._tiers)) for name in self._outputs(stage))

    def score(self, features: Features, embed: Embed | None, put: Put, parts: int | None) -> Rows:
        """Score each row by the stages up to the one that decides it.

        Args:
            put: called with the places of some rows, and one stage's label, score and novelty of them.
            parts: stages that read more than the first so many sources are left out; None for all stages.

        Returns:
            int64 [n], the stage that decides the row; -1 where none of these does.
        """
        decided_by, left = np.full(len(features), -1), np.arange(len(features))
        for stage, read in enumerate(self._parts_read):
            if len(left) == 0 or (parts is not None and read > parts):
                break
            done = self._score_stage(stage, features, left, embed, put)
            decided_by[left[done]] = stage
            left = left[~done]
        return decided_by

    def _score_stage(
        self, stage: int, features: Features, left: Rows, embed: Embed | None, put: Put
    ) -> NDArray[np.bool_]:
        """For each of the rows that are left whether this stage decides it."""
        done = np.ones(len(left), dtype=np.bool_)
        for rows, feed in self._chunks(stage, features, left, embed):
            results = self._run(self._outputs(stage), self._no_rows | feed)
            if not self._is_last(stage):
                *results, done[rows] = results
            put(left[rows], results)
        return done

    def _chunks(
        self, stage: int, features: Features, left: Rows, embed: Embed | None
    ) -> Iterator[onnx_inputs.Chunk]:
        tier = self._tiers[stage]
        texts = self._texts(features, left) if tier.text else None
        if tier.vectors is None:
            counted = onnx_inputs.WINDOWS
            # A run costs more here than padding, since the other stages run on no rows.
            chunks = onnx_inputs.of_texts(Features(texts), counted, onnx_inputs.BYTES_AT_ONCE)
        else:
            source = self._sources.index(tier.vectors)
            rows = Features(texts, self._vectors(source, features, left, embed))
            counted = onnx_inputs.vector_input(source)
            width = self._no_rows[counted].shape[1]
            chunks = (
                onnx_inputs.of_vectors(rows, width, counted)
                if texts is None
                else onnx_inputs.of_both(rows, width, vectors=counted)
            )
        for places, feed in chunks:
            yield places, feed | {rows_input(stage): np.arange(len(feed[counted]))}

    def _texts(self, features: Features, left: Rows) -> Sequence[str]:
        if features.texts is None:
            raise PolicyError("features without texts: the policy reads texts")
        return [features.texts[row] for row in left.tolist()]

    def _vectors(
        self, source: int, features: Features, left: Rows, embed: Embed | None
    ) -> NDArray[np.float32]:
        if features.embeddings is None and embed is not None:
            vectors = embed(left, source)
            if len(vectors) != len(left):  # else numpy would give one row's results to others
                raise PolicyError(f"embed made {len(vectors)} vectors for {len(left)} rows")
            return vectors
        return onnx_inputs.matrix(features, self._dimension or 0)[left, self._places[source]]

    def _outputs(self, stage: int) -> tuple[str, ...]:
        return stage_outputs(stage, is_last=self._is_last(stage))

    def _is_last(self, stage: int) -> bool:
        return stage == len(self._tiers) - 1
