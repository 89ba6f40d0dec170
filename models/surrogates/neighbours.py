"""Nearest neighbours: for each label a mixture of von Mises-Fisher kernels around its prototypes.

The logit of a label is the log of the summed exp(concentration * (cosine - 1)) over its prototypes, each
counting for the weight of the traces that it stands for (Banerjee, Dhillon, Ghosh and Sra 2005, with one
concentration for all). Prototypes are the traces themselves, or where a label has too many, the centres of a
spherical k-means of weighted traces. The concentration follows from the distances between neighbours, not
from labels. Each fold has means of its own, of the traces that it learns from; where a label has few traces,
their cosines are computed once for all folds, and the means are found in them.

It is right where a straight boundary is wrong, so it helps most in a pool with logistic regression: on the
vectors of Banking77 the pool covers .958 / .858 at the targets .95 / .98, logistic regression
alone .938 / .818.

Cosines are products of small integers, which are exact, so a row's result does not depend on its batch.
Prototypes have 7 bits, because products of 8 bits overflow on processors without VNNI. Deployed: prototypes
of all traces, made like those of each fold.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.featurizers.row_blocks import row_blocks
from models.featurizers.vectors import VectorFeaturizer
from models.graph.building import FLOAT, UINT8, Graph
from models.surrogates.contract import Matrix, TrainingTargets
from models.surrogates.fit_threads import fit_threads

KIND = "neighbours"
MOST_PROTOTYPES = 4096
MOST_PAIRED = 512
"""Traces of a label whose cosines are kept, at most; more than a vector has numbers would save no time."""
NEARNESS = 8.0
CONCENTRATIONS = (5.0, 160.0)
DISTANCE_ROWS = 1000
ROUNDS = 4
BLOCK, WASTE = 8, 0.2
SMALLEST = 1e-30
ZERO, QUERY_STEPS, PROTOTYPE_STEPS = 128, 127, 63


Paired = Mapping[int, tuple[NDArray[np.int64], Matrix]]
"""By label: its rows, ascending, and the cosines of all pairs of them."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """Prototypes in blocks of one label and of equal length; padding rows have no weight.

    Attributes:
        prototypes: int8 [blocks * length, d].
        weights: float32 [blocks, length], log of the weight that each stands for, less the concentration.
        owners: float32 [blocks, labels], one where the block is of the label; None for one block a label.
        concentration: of every kernel.
        reach: largest component that a query may have; what is larger is cut.
        sharpness: what one step of a prototype times one step of a query adds to the exponent.
    """

    prototypes: NDArray[np.int8]
    weights: Matrix
    owners: Matrix | None
    concentration: float
    reach: float
    sharpness: float

    @property
    def labels(self) -> int:
        return len(self.weights) if self.owners is None else self.owners.shape[1]

    @property
    def count(self) -> int:
        """Prototypes without the padding."""
        return int(np.isfinite(self.weights).sum())

    def logits(self, unit: Matrix) -> Matrix:
        """[m, labels] for vectors of length one, [m, d]."""
        transposed = self.prototypes.T.astype(np.float32)
        parts = [
            self._logits_of_block(unit[block], transposed)
            for block in row_blocks(len(unit), 2 * len(self.prototypes) + unit.shape[1])
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.labels), dtype=np.float32)

    def _logits_of_block(self, unit: Matrix, transposed: Matrix) -> Matrix:
        steps = np.rint(unit * np.float32(QUERY_STEPS / self.reach))
        products = np.clip(steps, -ZERO, QUERY_STEPS) @ transposed
        exponents = products.reshape(-1, *self.weights.shape)
        exponents *= np.float32(self.sharpness)
        exponents += self.weights
        near = np.exp(exponents, out=exponents).sum(axis=2)
        summed = near if self.owners is None else near @ self.owners
        return np.asarray(np.log(np.maximum(summed, np.float32(SMALLEST))))


class Neighbours:
    """See `models.surrogates.contract.Surrogate`."""

    kind = KIND

    def __init__(self, featurizer: VectorFeaturizer, logits: Matrix, kernels: Kernels) -> None:
        self.name = f"{kernels.count:,} neighbours on {featurizer.name}"
        self.reads = featurizer.kind
        self.logits = logits
        self.strength = kernels.concentration
        self._featurizer = featurizer
        self._kernels = kernels

    @property
    def prototypes(self) -> int:
        """How many prototypes a row is compared with, padding included."""
        return len(self._kernels.prototypes)

    def predict(self, matrix: Matrix) -> Matrix:
        return self._kernels.logits(matrix)

    def write(self, graph: Graph) -> str:
        kernels = self._kernels
        steps = graph.add(
            "Mul", self._featurizer.write_unit(graph), graph.number(QUERY_STEPS / kernels.reach)
        )
        steps = graph.add("Add", graph.add("Round", steps), graph.number(ZERO))
        steps = graph.add("Clip", steps, graph.number(0.0), graph.number(ZERO + QUERY_STEPS))
        steps = graph.add("Cast", steps, to=UINT8)
        prototypes = graph.constant(np.ascontiguousarray(kernels.prototypes.T))
        zero = graph.constant(np.array(ZERO, dtype=np.uint8))
        products = graph.add("Cast", graph.add("MatMulInteger", steps, prototypes, zero), to=FLOAT)
        exponents = graph.add("Mul", products, graph.number(kernels.sharpness))
        exponents = graph.add("Add", exponents, graph.constant(kernels.weights.reshape(1, -1)))
        blocks = graph.constant(np.array([-1, *kernels.weights.shape]))
        near = graph.add("Reshape", graph.add("Exp", exponents), blocks)
        summed = graph.add("ReduceSum", near, graph.axes(2), keepdims=0)
        if kernels.owners is not None:
            summed = graph.add("MatMul", summed, graph.constant(kernels.owners))
        return graph.log(graph.add("Max", summed, graph.number(SMALLEST)))


def learn(featurizer: VectorFeaturizer, targets: TrainingTargets) -> Neighbours:
    """Make the prototypes of every fold and of all traces."""
    unit, concentration = featurizer.matrix, _concentration(featurizer.matrix, targets.seed)
    logits = np.empty((len(unit), targets.labels), dtype=np.float32)

    def fold(held_out: NDArray[np.bool_]) -> None:
        kernels = _kernels(unit, targets, targets.learning_rows(held_out), concentration, paired)
        rows = np.flatnonzero(held_out)
        for block in row_blocks(len(rows), unit.shape[1]):
            logits[rows[block]] = kernels.logits(unit[rows[block]])

    with fit_threads() as threads:
        paired = _paired(unit, targets)
        whole = threads.submit(_kernels, unit, targets, np.arange(len(unit)), concentration, paired)
        list(threads.map(fold, targets.held_out))
    return Neighbours(featurizer, logits, whole.result())


def _concentration(unit: Matrix, seed: int) -> float:
    """The concentration that gives the nearest of a thousand traces a kernel of about exp(-NEARNESS / 2)."""
    rows = np.random.default_rng(seed).permutation(len(unit))[:DISTANCE_ROWS]
    cosines = unit[rows] @ unit[rows].T
    np.fill_diagonal(cosines, -1.0)
    typical = max(1.0 - float(np.median(cosines.max(axis=1))), 1e-3)
    return float(np.clip(NEARNESS / typical, *CONCENTRATIONS))


def _most_of_label(targets: TrainingTargets) -> int:
    """Prototypes that a label may have."""
    return max(1, MOST_PROTOTYPES // targets.labels)


def _paired(unit: Matrix, targets: TrainingTargets) -> Paired:
    """The labels that have too many traces to keep all, and few enough for the cosines of all pairs."""
    order = np.argsort(targets.codes, kind="stable")
    ends = np.cumsum(np.bincount(targets.codes, minlength=targets.labels))
    least, most = _most_of_label(targets), min(MOST_PAIRED, unit.shape[1])
    return {
        label: (rows, unit[rows] @ unit[rows].T)
        for label, rows in enumerate(np.split(order, ends[:-1]))
        if least < len(rows) <= most
    }


def _kernels(
    unit: Matrix, targets: TrainingTargets, rows: NDArray[np.int64], concentration: float, paired: Paired
) -> Kernels:
    generator = np.random.default_rng(targets.seed)
    most = _most_of_label(targets)
    weights = np.ones(len(unit), dtype=np.float32) if targets.weights is None else targets.weights
    codes = targets.codes[rows]
    by_label: list[tuple[int, Matrix, Matrix]] = []
    for label in np.unique(codes):
        own = rows[codes == label]
        if len(own) <= most:
            centres, counts = unit[own], np.asarray(weights[own], dtype=np.float32)
        elif label in paired:
            every, cosines = paired[label]
            kept = np.searchsorted(every, own)
            mixed, counts = _paired_centres(cosines[np.ix_(kept, kept)], weights[own], most, generator)
            centres = mixed @ unit[own]
        else:
            centres, counts = _centres(unit, own, weights[own], most, generator)
        by_label.append((int(label), centres, counts))
    reach = max(float(np.abs(unit).max()), 1e-6)
    return _quantise(*_blocks(by_label, targets.labels, unit.shape[1]), concentration, reach)


def _blocks(
    by_label: list[tuple[int, Matrix, Matrix]], labels: int, dimension: int
) -> tuple[Matrix, Matrix, Matrix | None]:
    """Centres and counts in blocks, and the label of each block: one a label, unless that wastes much."""
    sizes = [len(count) for _, _, count in by_label]
    length = max(sizes)
    in_blocks = BLOCK * sum(-(-size // BLOCK) for size in sizes)
    whole = length * labels <= max((1.0 + WASTE) * sum(sizes), in_blocks)
    if not whole:
        length = BLOCK
    needed = [-(-size // length) for size in sizes]
    blocks = labels if whole else sum(needed)
    centres = np.zeros((blocks * length, dimension), dtype=np.float32)
    counts = np.zeros(blocks * length, dtype=np.float32)
    owners = np.zeros((blocks, labels), dtype=np.float32)
    starts = [label for label, _, _ in by_label] if whole else [0, *np.cumsum(needed[:-1]).tolist()]
    for start, block_count, (label, centre, count) in zip(starts, needed, by_label, strict=True):
        first = start * length
        centres[first : first + len(count)], counts[first : first + len(count)] = centre, count
        owners[start : start + block_count, label] = 1.0
    return centres, counts.reshape(blocks, length), None if whole else owners


def _quantise(
    centres: Matrix, counts: Matrix, owners: Matrix | None, concentration: float, reach: float
) -> Kernels:
    largest = max(float(np.abs(centres).max()), 1e-6)
    steps = np.rint(centres * (PROTOTYPE_STEPS / largest)).astype(np.int8)
    with np.errstate(divide="ignore"):  # log 0 of padding
        weights = np.log(counts) - np.float32(concentration)
    unit = reach / QUERY_STEPS * largest / PROTOTYPE_STEPS
    return Kernels(steps, weights, owners, concentration, reach, concentration * unit)


def _centres(
    unit: Matrix,
    rows: NDArray[np.int64],
    weights: NDArray[np.floating],
    most: int,
    generator: np.random.Generator,
) -> tuple[Matrix, Matrix]:
    """`most` directions that stand for the rows, and the weight of the rows that each stands for."""
    centres = unit[generator.choice(rows, most, replace=False)]
    blocks = list(row_blocks(len(rows), most + 3 * unit.shape[1]))
    few = unit[rows] if len(blocks) == 1 else None  # the rows of most labels fit at once, for all rounds

    def vectors(block: slice) -> Matrix:
        return unit[rows[block]] if few is None else few

    for _ in range(ROUNDS):
        sums = np.zeros_like(centres)
        for block in blocks:
            members = vectors(block)
            sums += _sums(members, weights[block], _nearest(members, centres), most)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, np.float32(1e-12)), centres)
    counts = np.zeros(most)
    for block in blocks:
        counts += np.bincount(_nearest(vectors(block), centres), weights=weights[block], minlength=most)
    return centres, counts.astype(np.float32)


def _paired_centres(
    cosines: Matrix, weights: NDArray[np.floating], most: int, generator: np.random.Generator
) -> tuple[Matrix, Matrix]:
    """As `_centres`, from the cosines of m rows: the share of each row in each direction, [most, m]."""
    every = np.arange(len(cosines))
    chosen = generator.choice(len(cosines), most, replace=False)
    mixed = np.zeros((most, len(cosines)), dtype=np.float32)
    mixed[np.arange(most), chosen] = 1.0
    near = cosines[chosen]
    for _ in range(ROUNDS):
        members = np.zeros_like(mixed)
        members[near.argmax(axis=0), every] = weights
        sums = members @ cosines
        lengths = np.sqrt(np.maximum(np.einsum("cm,cm->c", sums, members), 0.0))[:, None]
        filled, divisor = lengths > 0, np.maximum(lengths, np.float32(1e-12))
        mixed, near = np.where(filled, members / divisor, mixed), np.where(filled, sums / divisor, near)
    counts = np.bincount(near.argmax(axis=0), weights=weights, minlength=most)
    return mixed, counts.astype(np.float32)


def _nearest(vectors: Matrix, centres: Matrix) -> NDArray[np.int64]:
    return np.asarray((vectors @ centres.T).argmax(axis=1))


def _sums(
    vectors: Matrix, weights: NDArray[np.floating], owner: NDArray[np.int64], most: int
) -> NDArray[np.float32]:
    """Weighted sums of the vectors that have the same owner, [most, d]."""
    each = np.arange(len(vectors) + 1)
    members = sparse.csc_matrix((weights.astype(np.float32), owner, each), shape=(most, len(vectors)))
    return np.asarray(members @ vectors)
