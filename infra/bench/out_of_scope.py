"""`bench scope`: requests outside all labels put to Banking77's policy, and what deferring them costs.

Outsiders are requests of another service, and those of Banking77 whose labels no trace has. Snips asks
for music, weather and restaurants; nothing of it is a question to a bank, so each of its requests that is
answered is answered wrongly. The gate against novelty defers them, and it defers some of a bank's own
questions too: coverage of Banking77's test split is compared with what the same thresholds would answer
without the gate. Vectors of both corpora come from one encoder, so that nothing is novel for its encoding;
the stored ones of Banking77, of the same model unquantised, differ from these by a cosine of .99.

For outsiders of Banking77's own, `HELD_OUT` of its labels are left out of the traces; inside are the test
rows of the others, and vectors are the stored ones. TRACER has a gate of its own, and is asked with it, as it
deploys it, about the requests of Snips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from infra.bench.corpora import MINILM, Split, embed_split, open_encoder, read_banking77, whole_snips
from infra.bench.draws import subsets
from infra.bench.kinds import FeatureKind, chosen_kinds
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, Table, figure, format_shares, report
from infra.bench.request import BenchRequest
from infra.bench.rival_library import none_if_it_fails
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, TRACER
from infra.bench.trial import TARGETS, policy_of, timed_fit
from infra.errors import MissingData
from models.artifact import Artifact
from models.evaluate import evaluate
from models.features import Features
from models.manifest import Manifest
from models.policy import Policy

OUTSIDE = 3_000
HELD_OUT = 15
SNIPS_TITLE = "Requests of Snips put to the policy of Banking77"
_INSIDE, _OUTSIDE = "inside", "outside"
_UNGATED = "without the gate"
_NO_LIMIT = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class AnsweredShares:
    """Shares of some rows that are answered, at each target: with the gate against novelty, and without it.

    `ungated` is None where it is not known.
    """

    gated: tuple[float, ...]
    ungated: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class OutOfScopeResult:
    """Attributes:
    inside: rows of the corpus that the policy was fitted on, which it has not seen.
    outside: rows of another corpus.
    """

    inside: AnsweredShares
    outside: AnsweredShares


@dataclass(frozen=True, slots=True)
class ScopeRows:
    """Attributes:
    train: traces.
    inside: rows of the traces' labels, not among them.
    outside: rows of none of these labels.
    """

    train: Split
    inside: Split
    outside: Split


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.corpora`; or there is too little to fit on.
    EmbedderError: the encoder can't be used.
    """
    folder = Path(request.folder)
    train, test = read_banking77(folder, "train"), read_banking77(folder, "test")
    rows, encoder_notes = _snips_rows(folder, train, test)
    kinds = [kind for kind in chosen_kinds(request.only) if kind.name == "text" or not encoder_notes]
    ours = {kind.name: _measure_kind(kind, rows) for kind in kinds}
    others = held_out_rows(train, test, HELD_OUT)
    within = {kind.name: _measure_kind(kind, others) for kind in chosen_kinds(request.only)}
    python, absence_notes = TRACER.interpreter_if_wanted(request.tracer and not encoder_notes)
    tracer, failure_notes = none_if_it_fails(
        lambda: None if python is None else _measure_tracer(python, rows)
    )
    figures = [each for name, result in ours.items() for each in _figures(name, result, tracer)]
    figures += [
        each for name, result in within.items() for each in _figures(f"{name}, labels held out", result, None)
    ]
    tables = [
        _table(SNIPS_TITLE, ours if tracer is None else {**ours, NAME: tracer}),
        _table(f"Requests of {HELD_OUT} labels that no trace has", within),
    ]
    return report(figures, tables, (*encoder_notes, *absence_notes, *failure_notes))


def held_out_rows(train: Split, test: Split, count: int) -> ScopeRows:
    """Outsiders are the test rows of `count` labels, drawn at random, that the traces lack.

    At least two labels stay.
    """
    names = sorted(set(train.labels))
    drawn = np.random.default_rng(0).permutation(len(names))[: min(count, len(names) - 2)]
    absent = {names[place] for place in drawn.tolist()}
    return ScopeRows(
        train.take([row for row, label in enumerate(train.labels) if label not in absent]),
        test.take([row for row, label in enumerate(test.labels) if label not in absent]),
        test.take([row for row, label in enumerate(test.labels) if label in absent]),
    )


def answered_shares(artifact: Artifact, rows: Features, labels: Sequence[str]) -> AnsweredShares:
    """What the policy answers of these rows, and what it would if nothing were too novel for it."""
    manifest = Manifest.decode(artifact.manifest)
    lifted = replace(manifest, novelty_limit=_NO_LIMIT).encode()
    gated, ungated = (
        evaluate(Policy.open(account, artifact.graph), rows, labels, TARGETS).targets
        for account in (artifact.manifest, lifted)
    )
    return AnsweredShares(
        tuple(result.coverage for result in gated), tuple(result.coverage for result in ungated)
    )


def _snips_rows(folder: Path, train: Split, inside: Split) -> tuple[ScopeRows, tuple[str, ...]]:
    """Rows with the encoder's vectors; without any, and a sentence about it, where there is no encoder."""
    pool = whole_snips(folder)
    (outside,) = subsets(pool, min(OUTSIDE, len(pool)), 1)
    try:
        encoder = open_encoder(MINILM, folder)
    except MissingData as problem:
        print_progress(str(problem))
        return ScopeRows(train, inside, outside), (str(problem),)
    print_progress(f"encoding {len(train) + len(inside) + len(outside):,} texts by {MINILM}")
    return ScopeRows(*(embed_split(split, encoder) for split in (train, inside, outside))), ()


def _measure_kind(kind: FeatureKind, rows: ScopeRows) -> OutOfScopeResult:
    print_progress(f"{kind.name}: {len(rows.train):,} traces")
    artifact = policy_of(timed_fit(kind, rows.train))
    inside, outside = (
        answered_shares(artifact, kind.rows(split), split.labels) for split in (rows.inside, rows.outside)
    )
    return OutOfScopeResult(inside, outside)


def _measure_tracer(python: Path, rows: ScopeRows) -> OutOfScopeResult:
    print_progress(f"{NAME}: {len(rows.train):,} traces, some minutes")
    fits = rival.ask(python, rows.train, {_INSIDE: rows.inside, _OUTSIDE: rows.outside}).fits
    inside = tuple(rival.judge_tracer(fit, rows.inside.labels, _INSIDE).coverage for fit in fits)
    outside = tuple(rival.judge_tracer(fit, rows.outside.labels, _OUTSIDE).coverage for fit in fits)
    return OutOfScopeResult(AnsweredShares(inside, None), AnsweredShares(outside, None))


def _figures(name: str, result: OutOfScopeResult, tracer: OutOfScopeResult | None) -> list[Figure]:
    figures = []
    for place, target in enumerate(TARGETS):
        prefix = f"{name}, {target:g}"
        outside, inside = [result.outside.gated[place]], [result.inside.gated[place]]
        reference = [] if tracer is None else [tracer.outside.gated[place]]
        figures += [figure(f"{prefix}: out of scope, answered", outside, "share", NAME, reference)]
        ungated = [] if result.inside.ungated is None else [result.inside.ungated[place]]
        figures += [figure(f"{prefix}: coverage", inside, "share", _UNGATED, ungated)]
    return figures


def _table(title: str, results: Mapping[str, OutOfScopeResult]) -> Table:
    rows = tuple((name, *_cells(result.inside), *_cells(result.outside)) for name, result in results.items())
    columns = ("features", "coverage at .90/.95/.98", _UNGATED, "out of scope, answered", _UNGATED)
    return Table(title, columns, rows)


def _cells(shares: AnsweredShares) -> tuple[str, str]:
    ungated = "-" if shares.ungated is None else format_shares(shares.ungated)
    return format_shares(shares.gated), ungated
