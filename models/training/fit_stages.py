"""Fits the stages of a policy, and finds the labels that it blocks.

All that the guarantee rests on (calibration, novelty limits, the gate's sample) uses sampled traces only,
each scored by models that have not learned from it. Choices are made on selection traces, which the gate does
not use (`models.training.folds`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from models import binomial
from models.embedders.composite import EncoderPart, places_of
from models.embedders.kinds import is_lazy, reads_text, sources, split_spec, tiers
from models.featurizers.contract import Featurizer
from models.featurizers.text import TextFeaturizer
from models.featurizers.text_basis import EarlierBasis
from models.featurizers.vectors import VECTORS, VectorFeaturizer
from models.gate.candidate_metrics import oracle_threshold
from models.gate.time_dependence import TimeDependence
from models.graph.linear import Linear
from models.study import CandidateResult
from models.surrogates.contract import TrainingTargets
from models.surrogates.linear import LinearSurrogate
from models.training import cascade, contents, folds, label_names, stage
from models.training.cascade import Ensemble
from models.training.fitted_stages import LEAST_TRACES, FittedStages
from models.training.fold_models import (
    FoldedTraces,
    FoldModels,
    LearnedBasis,
    fold_models,
    trace_keys,
)
from models.training.options import Options
from models.training.sweep import RESIDUAL, Recipe, Sweep
from models.training.time_order import blocks_of_time, time_dependence
from models.training_set import TrainingSet

LEVEL = 0.05
RESIDUAL_GAIN = 0.003
FEWEST_DEFERRED = 500

Progress = Callable[[float, str], None]
Learned = tuple[Ensemble, tuple[CandidateResult, ...]]


def learn_stages(
    training: TrainingSet,
    names: tuple[str, ...],
    embedder: str,
    targets: Sequence[float],
    options: Options,
    *,
    parts: Sequence[EncoderPart] = (),
    recipe: Recipe | None = None,
    earlier: FoldModels | None = None,
    encoder: str | None = None,
    dependence: TimeDependence | None = None,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> FittedStages:
    """Learn all stages; arguments as in `models.fit.fit`, `names` the sorted labels.

    Args:
        parts: of the vectors, one for each source of `embedder`.
        recipe: the parent's choices; None to search.
        earlier: fold models of an earlier fit, to start from where they may be.
        encoder: id of the encoder that made the vectors.
        dependence: of the labels on time; None to test the traces for it.
    """
    dependence = dependence or time_dependence(training, seed)
    progress(0.0, "reading features")
    traces, training = len(training), label_names.with_names(training, names, embedder)
    content_of_rows = contents.content_of_rows(training.features, seed, text_is_read=reads_text(embedder))
    recurring = options.recurring and not dependence.found
    training_targets, sampled = _training_targets(
        training, names, content_of_rows, dependence, recurring, seed
    )
    # A later copy is held out by another fold than its content: folds do not say who has learned from it.
    folded = None if recurring else _folded_traces(training, embedder, training_targets, names, encoder)
    basis = earlier.basis_of(folded) if earlier and folded else None
    featurizers = _featurizers(training, embedder, parts, training_targets, content_of_rows, basis)
    training_targets = label_names.targets_with_names(training_targets, featurizers[0][0], traces)
    recipe = recipe if training_targets.selection_rows.any() else None
    progress(0.25, "fitting out of fold")
    starts = earlier.starts(folded) if earlier and folded else None
    ensemble, candidates = _learn_ensemble(
        embedder, featurizers, training_targets, sampled, targets, options, recipe, progress, starts
    )
    rows = slice(traces)
    ensemble, training_targets = ensemble.of(rows), training_targets.of(rows)
    rare = np.bincount(training_targets.codes, minlength=len(names)) < LEAST_TRACES
    poor = _poor_labels(ensemble, training_targets, min(targets), options.label_floor)
    return FittedStages(
        ensemble,
        training_targets,
        sampled[rows],
        content_of_rows[rows],
        recurring,
        rare,
        poor,
        candidates,
        training.ordered,
        dependence,
        None if folded is None else _kept_models(folded, ensemble, earlier if basis else None),
    )


def _folded_traces(
    training: TrainingSet,
    embedder: str,
    training_targets: TrainingTargets,
    names: tuple[str, ...],
    encoder: str | None,
) -> FoldedTraces | None:
    """The traces and their folds; None where a refit has other folds, or several sources are read."""
    if len(sources(embedder)) > 1 or len(training) < folds.STABLE:
        return None
    return FoldedTraces(encoder, names, trace_keys(training.features), training_targets.folds)


def _kept_models(folded: FoldedTraces, ensemble: Ensemble, earlier: FoldModels | None) -> FoldModels | None:
    """What a refit may take over: models of the first logistic regression on vectors, and the basis of texts.

    Args:
        earlier: of the fit by whose basis the texts were read; None where this fit has learned its own.
    """
    # Not of a residual stage: which rows it learns from depends on scores, and so on labels of every fold.
    stages = [each for each in ensemble.stages if each.outsiders is not None]
    linear = (one for each in stages for one in each.members if isinstance(one, LinearSurrogate))
    models = next((one.fold_models for one in linear if one.reads == VECTORS), ())
    texts = (one for each in stages for one in each.featurizers if isinstance(one, TextFeaturizer))
    bases = (LearnedBasis(one.basis, folded.keys) for one in texts)
    return fold_models(folded, models, next(bases, None) if earlier is None else earlier.basis)


def _training_targets(
    training: TrainingSet,
    names: tuple[str, ...],
    content_of_rows: NDArray[np.int64],
    dependence: TimeDependence,
    recurring: bool,
    seed: int,
) -> tuple[TrainingTargets, NDArray[np.bool_]]:
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([code_of[label] for label in training.labels], dtype=np.int64)
    sampled = np.asarray(training.sampled, dtype=np.bool_)
    groups = content_of_rows if content_of_rows.any() else np.arange(len(codes))  # a fold needs another one
    keys = folds.keys(training.features)
    if dependence.found:
        held_out = blocks_of_time(groups, folds.fold_count(len(codes)))
    else:
        held_out = folds.assign_folds(groups, seed, keys)
    if recurring:  # rows are independent draws, so a row and not a content is drawn
        content_of_rows, keys = np.arange(len(codes)), folds.keys_of_copies(keys, content_of_rows)
    selection_rows = folds.selection_rows(sampled, keys, content_of_rows)
    weights = training.weights
    if recurring:
        later = contents.later_copies(groups)
        held_out = folds.moved_on(held_out, later)
        weights = (np.ones(len(codes)) if weights is None else weights) * ~later
    if weights is not None:
        weights = weights / weights[weights > 0].mean()
    return TrainingTargets(codes, len(names), held_out, weights, selection_rows, seed), sampled


def _featurizers(
    training: TrainingSet,
    embedder: str,
    parts: Sequence[EncoderPart],
    training_targets: TrainingTargets,
    content_of_rows: NDArray[np.int64],
    basis: EarlierBasis | None,
) -> list[list[Featurizer]]:
    """Featurizers of each tier; tiers that read the same share one."""
    of_text, of_vectors = None, _vector_featurizers(training, embedder, parts, training_targets)
    by_tier = []
    for tier in tiers(embedder):
        read: list[Featurizer] = []
        if tier.text:
            of_text = of_text or TextFeaturizer(
                training.features.texts or (), training_targets.seed, content_of_rows, earlier=basis
            )
            read.append(of_text)
        if tier.vectors is not None:
            read.append(of_vectors[tier.vectors])
        by_tier.append(read)
    return by_tier


def _vector_featurizers(
    training: TrainingSet, embedder: str, parts: Sequence[EncoderPart], training_targets: TrainingTargets
) -> dict[str, Featurizer]:
    """A featurizer for each source, on its own columns of the vectors."""
    read, vectors = sources(embedder), training.features.embeddings
    if not read:
        return {}
    assert vectors is not None  # noqa: S101 - `check` has refused anything else
    places = places_of(parts) if len(read) > 1 else (slice(None),)
    return {
        source: VectorFeaturizer(
            vectors[:, place],
            training_targets.codes,
            training_targets.labels,
            training_targets.folds,
            training_targets.weights,
            number,
            VECTORS if len(read) == 1 else f"{split_spec(source)[0]} {VECTORS}",
        )
        for number, (source, place) in enumerate(zip(read, places, strict=True))
    }


def _learn_ensemble(
    embedder: str,
    featurizers: list[list[Featurizer]],
    training_targets: TrainingTargets,
    sampled: NDArray[np.bool_],
    targets: Sequence[float],
    options: Options,
    recipe: Recipe | None,
    progress: Progress,
    starts: Mapping[int, Linear] | None,
) -> Learned:

    def report_share(share: float, doing: str) -> None:
        progress(0.25 + 0.5 * share, doing)

    family = "global" if len(featurizers) == 1 else "cascade"
    sweep = Sweep(training_targets, sampled, options, recipe, family, report_share, starts)
    stages = [stage.learn_stage(read, sweep, family) for read in featurizers]
    if len(stages) > 1:
        joined = cascade.join_all(stages, sampled, targets, is_lazy(embedder))
        return joined, tuple(sweep.candidates)
    ensemble = cascade.single_stage(stages[0])
    if not options.residual or recipe is not None or not training_targets.selection_rows.any():
        return ensemble, tuple(sweep.candidates)
    return _with_residual(ensemble, training_targets, sampled, targets, options, sweep)


def _with_residual(
    ensemble: Ensemble,
    training_targets: TrainingTargets,
    sampled: NDArray[np.bool_],
    targets: Sequence[float],
    options: Options,
    sweep: Sweep,
) -> Learned:
    """Add a second stage that learns from what the first would defer, if the selection traces gain by it."""
    (first,) = ensemble.stages
    rows = training_targets.selection_rows
    handover, _ = oracle_threshold(
        first.scores[rows], (first.guesses == training_targets.codes)[rows], min(targets)
    )
    deferred = (first.scores < handover) | (first.novelty > 1.0)
    if int((deferred & training_targets.selection_rows).sum()) * 10 < FEWEST_DEFERRED or not np.isfinite(
        handover
    ):
        return ensemble, tuple(sweep.candidates)
    weights = np.ones(len(deferred)) if training_targets.weights is None else training_targets.weights
    residual_targets = replace(
        training_targets,
        weights=weights * deferred,
        selection_rows=training_targets.selection_rows & deferred,
    )
    residual_sweep = Sweep(
        residual_targets, sampled & deferred, replace(options, surrogates=()), None, RESIDUAL
    )
    second = stage.learn_stage(first.featurizers, residual_sweep, RESIDUAL, first)
    joined = cascade.join_stages(first, cascade.single_stage(second), handover, lazy=False)
    gain = cascade.coverage_gain(ensemble, joined, training_targets, targets)
    kept = gain >= RESIDUAL_GAIN
    outcome = "chosen" if kept else f"not better: coverage changes by {gain:+.1%}"
    (deployed,) = (trial for trial in residual_sweep.candidates if trial.outcome == stage.CHOSEN)
    candidates = (*sweep.candidates, structs.replace(deployed, outcome=outcome))
    return (joined if kept else ensemble), candidates


def _poor_labels(
    ensemble: Ensemble, training_targets: TrainingTargets, target: float, floor: float
) -> NDArray[np.bool_]:
    """bool [labels]: the selection traces prove that the label's agreement is below the floor.

    Counted are answers at or above the oracle threshold of the target on the selection traces.
    """
    rows = np.flatnonzero(training_targets.selection_rows)
    poor = np.zeros(training_targets.labels, dtype=np.bool_)
    guesses, agrees = ensemble.guesses[rows], ensemble.guesses[rows] == training_targets.codes[rows]
    threshold, _ = (
        oracle_threshold(ensemble.scores[rows], agrees, target) if len(rows) else (float("inf"), 0.0)
    )
    answered = ensemble.scores[rows] >= threshold
    candidates = np.bincount(guesses[answered], minlength=training_targets.labels)
    hits = np.bincount(guesses[answered & agrees], minlength=training_targets.labels)
    for label in np.flatnonzero(candidates):
        poor[label] = (
            binomial.upper(int(hits[label]), int(candidates[label]), LEVEL / training_targets.labels) < floor
        )
    return poor
