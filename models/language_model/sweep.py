"""Which hidden states tell an LLM's decision best: each layer and pooling by cross-validated accuracy.

A probe is logistic regression on a text's states at length one, as a policy's is, learned from the other
folds. How deep the decision lies differs by model and task, so nothing is assumed: all layers are compared on
the same texts and folds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from models.embedders.prompt import Prompt
from models.errors import TextRefused
from models.language_model.byte_pairs import BytePairs
from models.language_model.checkpoint import Checkpoint
from models.language_model.decoder import Decoder
from models.language_model.prefix_cache import CachedReader
from models.surrogates import logistic
from models.surrogates.contract import TrainingTargets
from models.surrogates.fit_threads import fit_threads

LAST, MEAN, LABELS = "last token", "mean of the last 4", "scores of the labels' first tokens"
MEAN_OF = 4
FOLDS = 5

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class States:
    """What an LLM's layers hold of n texts.

    Attributes:
        rows: places of the texts that were read, in order: the first n that the time allowed.
        last, mean: [n, layers + 1, width], by pooling.
        labels: [n, labels], scores of each label's first token after the prompt.
        seconds: that the reading took.
    """

    rows: NDArray[np.int64]
    last: Matrix
    mean: Matrix
    labels: Matrix
    seconds: float

    def of(self, kept: NDArray[np.int64]) -> "States":
        """Those of some of the texts that were read, by their places among them."""
        return States(self.rows[kept], self.last[kept], self.mean[kept], self.labels[kept], self.seconds)


@dataclass(frozen=True, slots=True)
class Reading:
    """One choice of states.

    Attributes:
        pooling: `LAST`, `MEAN` or `LABELS`.
        layer: 0 before the first layer.
        cost: share of a prefill through all layers that it takes.
        accuracy: share of texts whose label is found, held out.
        error: its standard error.
    """

    pooling: str
    layer: int
    cost: float
    accuracy: float
    error: float


class PromptReader:
    """Reads texts in a prompt of an LLM.

    Args:
        labels: whose first tokens are scored.
    """

    def __init__(self, checkpoint: Checkpoint, prompt: Prompt, labels: Sequence[str]) -> None:
        self._tokenizer, self._reader = BytePairs(checkpoint), CachedReader(Decoder(checkpoint))
        self._prompt = prompt
        self._firsts = [self._tokenizer.tokens(f" {label}")[0] for label in labels]

    def read(
        self, texts: Sequence[str], seconds: float, progress: Callable[[float], None] = lambda _: None
    ) -> States:
        """Read texts one by one until the time is over, the first one in any case.

        A text that is too long is left out.

        Raises:
            TextRefused: all of them are too long.
        """
        rows: list[int] = []
        read: list[tuple[Matrix, Matrix, Matrix]] = []
        began = monotonic()
        for row, text in enumerate(texts):
            if read and monotonic() - began > seconds:
                break
            try:
                read.append(self._states(text))
            except TextRefused:
                continue
            rows.append(row)
            progress((row + 1) / len(texts))
        if not read:
            raise TextRefused(f"none of {len(texts):,} texts fits into the model with the prompt")
        last, mean, scores = (np.array(parts) for parts in zip(*read, strict=True))
        return States(np.array(rows, dtype=np.int64), last, mean, scores, monotonic() - began)

    def _states(self, text: str) -> tuple[Matrix, Matrix, Matrix]:
        tokens = self._tokenizer.tokens(self._prompt.around(text))
        states = self._reader.states_from(tokens, len(tokens) - MEAN_OF)
        scores = self._reader.decoder.logits(states[-1, -1])[self._firsts]
        return states[:, -1], states.mean(axis=1), scores


def compare(
    states: States,
    codes: NDArray[np.int64],
    layers: Sequence[int],
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Reading]:
    """A reading for each layer and pooling, and one of the labels' scores.

    Args:
        codes: [n], the label of each text that was read; each comes at least `FOLDS` times.
        layers: to look at; the last one is the deepest that there is.
    """
    deepest = states.last.shape[1] - 1
    choices = [
        *(
            (pooling, layer, part[:, layer])
            for layer in layers
            for pooling, part in ((LAST, states.last), (MEAN, states.mean))
        ),
        (LABELS, deepest, states.labels),
    ]
    readings = []
    for number, (pooling, layer, matrix) in enumerate(choices):
        accuracy, error = _accuracy(matrix, codes, seed)
        readings.append(Reading(pooling, layer, layer / deepest, accuracy, error))
        progress((number + 1) / len(choices))
    return readings


def cheapest_good(readings: Sequence[Reading]) -> Reading:
    """The shallowest reading within a standard error of the most accurate one, of those of the last token.

    A probe's server pools that token; the other readings show what it leaves.
    """
    served = [reading for reading in readings if reading.pooling == LAST]
    best = max(served, key=lambda reading: reading.accuracy)
    near = [one for one in served if one.accuracy >= best.accuracy - best.error]
    return min(near, key=lambda reading: reading.layer)


def _accuracy(matrix: Matrix, codes: NDArray[np.int64], seed: int) -> tuple[float, float]:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit = np.asarray(matrix / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)
    folds = np.random.default_rng(seed).permutation(len(codes)) % FOLDS
    targets = TrainingTargets(codes, int(codes.max()) + 1, folds, None, np.zeros(len(codes), np.bool_), seed)
    with fit_threads() as threads:
        fits = logistic.out_of_fold(unit, unit, targets, threads)
    hits = fits.logits.argmax(axis=1) == codes
    share = float(hits.mean())
    return share, float(np.sqrt(share * (1 - share) / len(codes)))
