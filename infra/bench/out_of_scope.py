"""`bench scope`: requests of another service put to Banking77's policy, and what refusing them costs.

Snips asks for music, weather and restaurants; nothing of it is a question to a bank, so whatever is answered
of it is answered wrongly. The gate against novelty is what defers it, and it defers some of a bank's own
questions too: coverage of Banking77's test split stands beside what the same thresholds would answer without
the gate. Vectors of both corpora come from one encoder, so that nothing is novel for its encoding; the stored
ones of Banking77, of the same model unquantised, differ from these by a cosine of .99. TRACER has a gate of
its own, and is asked with it, as it deploys it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from infra.bench.banking import Split, read
from infra.bench.corpora import snips
from infra.bench.draws import subsets
from infra.bench.encoded import MINILM, embed_split, open_encoder
from infra.bench.kinds import Kind, chosen_kinds
from infra.bench.progress import print_progress
from infra.bench.report import Figure, Report, figure, report
from infra.bench.request import BenchRequest
from infra.bench.tables import Table, shares
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, none_if_it_fails, tracer_if_wanted
from infra.bench.trial import TARGETS, policy_of, timed_fit
from infra.errors import MissingData
from models.artifact import Artifact
from models.evaluate import evaluate
from models.features import Features
from models.manifest import Manifest
from models.policy import Policy

OUTSIDE = 3_000
_INSIDE, _OUTSIDE = "inside", "outside"
_UNGATED = "without the gate"
_FINITE = float(np.finfo(np.float32).max)


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
    outside: rows of another.
    """

    inside: AnsweredShares
    outside: AnsweredShares


@dataclass(frozen=True, slots=True)
class _Rows:
    train: Split
    inside: Split
    outside: Split


def measure(order: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.corpora`; or there is too little to fit on.
    EmbedderError: the encoder can't be used.
    """
    rows, missing = _rows(Path(order.folder))
    readable = [kind for kind in chosen_kinds(order.only) if kind.name == "text" or not missing]
    found = {kind.name: _of(kind, rows) for kind in readable}
    python, absent = tracer_if_wanted(order.tracer and not missing)
    theirs, failed = none_if_it_fails(lambda: None if python is None else _of_tracer(python, rows))
    figures = [each for name, scope in found.items() for each in _figures(name, scope, theirs)]
    table = _table(found if theirs is None else {**found, NAME: theirs})
    return report(figures, [table], (*missing, *absent, *failed))


def answered_shares(artifact: Artifact, rows: Features, labels: Sequence[str]) -> AnsweredShares:
    """What the policy answers of these rows, and what it would if nothing were too novel for it."""
    manifest = Manifest.decode(artifact.manifest)
    lifted = replace(manifest, novelty_limit=_FINITE).encode()
    gated, ungated = (
        evaluate(Policy.open(account, artifact.graph), rows, labels, TARGETS).targets
        for account in (artifact.manifest, lifted)
    )
    return AnsweredShares(
        tuple(result.coverage for result in gated), tuple(result.coverage for result in ungated)
    )


def _rows(folder: Path) -> tuple[_Rows, tuple[str, ...]]:
    """With the encoder's vectors; without any, and a sentence about it, where there is no encoder."""
    train, inside, pool = read(folder, "train"), read(folder, "test"), snips(folder).pool
    (outside,) = subsets(pool, min(OUTSIDE, len(pool)), 1)
    try:
        encoder = open_encoder(MINILM, folder)
    except MissingData as problem:
        print_progress(str(problem))
        return _Rows(train, inside, outside), (str(problem),)
    print_progress(f"encoding {len(train) + len(inside) + len(outside):,} texts by {MINILM}")
    return _Rows(*(embed_split(split, encoder) for split in (train, inside, outside))), ()


def _of(kind: Kind, rows: _Rows) -> OutOfScopeResult:
    print_progress(f"{kind.name}: {len(rows.train):,} traces")
    artifact = policy_of(timed_fit(kind, rows.train))
    inside, outside = (
        answered_shares(artifact, kind.rows(split), split.labels) for split in (rows.inside, rows.outside)
    )
    return OutOfScopeResult(inside, outside)


def _of_tracer(python: Path, rows: _Rows) -> OutOfScopeResult:
    print_progress(f"{NAME}: {len(rows.train):,} traces, some minutes")
    fits = rival.ask(python, rows.train, {_INSIDE: rows.inside, _OUTSIDE: rows.outside}).fits
    inside = tuple(rival.judge_tracer(fit, rows.inside.labels, _INSIDE).coverage for fit in fits)
    outside = tuple(rival.judge_tracer(fit, rows.outside.labels, _OUTSIDE).coverage for fit in fits)
    return OutOfScopeResult(AnsweredShares(inside, None), AnsweredShares(outside, None))


def _figures(name: str, scope: OutOfScopeResult, theirs: OutOfScopeResult | None) -> list[Figure]:
    found = []
    for place, target in enumerate(TARGETS):
        prefix = f"{name}, {target:g}"
        outside, inside = [scope.outside.gated[place]], [scope.inside.gated[place]]
        reference = [] if theirs is None else [theirs.outside.gated[place]]
        found += [figure(f"{prefix}: handled out of scope", outside, "share", NAME, reference)]
        ungated = [] if scope.inside.ungated is None else [scope.inside.ungated[place]]
        found += [figure(f"{prefix}: coverage", inside, "share", _UNGATED, ungated)]
    return found


def _table(found: Mapping[str, OutOfScopeResult]) -> Table:
    rows = tuple((name, *_cells(scope.inside), *_cells(scope.outside)) for name, scope in found.items())
    columns = ("features", "coverage at .90/.95/.98", _UNGATED, "out of scope, handled", _UNGATED)
    return Table("Snips put to the policy of Banking77", columns, rows)


def _cells(found: AnsweredShares) -> tuple[str, str]:
    return shares(found.gated), "-" if found.ungated is None else shares(found.ungated)
