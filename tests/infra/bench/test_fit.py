import sys
from pathlib import Path

import numpy as np
import pytest

from infra.bench import fit
from infra.bench.corpora import Split
from infra.bench.request import BenchRequest
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME
from infra.bench.trial import TARGETS, TargetOutcome, Trial, agreement, coverage, violations
from infra.errors import MissingData, RivalUnavailable
from tests.infra import parcels


def _trial(*answers: tuple[int, int]) -> Trial:
    """Answered and agreed of 100 rows at each target."""
    given = zip(TARGETS, answers, strict=True)
    return Trial(tuple(TargetOutcome(target, bool(n), 100, n, k) for target, (n, k) in given), 1.0, 3)


def test_coverage_and_agreement_over_draws() -> None:
    trials = [_trial((80, 72), (0, 0), (0, 0)), _trial((20, 20), (10, 9), (0, 0))]
    assert [coverage(trials, target) for target in TARGETS] == [0.5, 0.05, 0.0]
    assert [agreement(trials, target) for target in TARGETS] == [0.92, 0.9, None]


def test_only_a_significant_miss_is_a_violation() -> None:
    assert violations([_trial((50, 44), (50, 46), (50, 47))]) == 0
    assert violations([_trial((50, 39), (50, 44), (0, 0))]) == 2


def test_few_traces_are_measured_too(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "SIZES", (300,))
    result = fit.measure(BenchRequest(str(small), only=("vectors",), tracer=False, quick=True))
    figures = {figure.name: figure for figure in result.figures}
    assert figures["vectors, 300 traces, 0.9: coverage"].value > 0.5
    assert figures["vectors: peak memory"].value > 50
    assert [table.rows[0][0] for table in result.tables] == ["vectors", "vectors"]


def test_tracer_gets_the_same_rows(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def stand_in(_: Path, train: Split, test: Split) -> Trial:
        asked.append((len(train), len(test)))
        return _trial((50, 50), (40, 30), (0, 0))

    monkeypatch.setattr(fit, "SIZES", (300,))
    monkeypatch.setattr(fit, "DRAWS", 2)
    monkeypatch.setattr(fit, "tracer_if_wanted", lambda _: (Path(sys.executable), ()))
    monkeypatch.setattr(rival, "fit_tracer", stand_in)
    result = fit.measure(BenchRequest(str(small), only=("vectors",), quick=True))
    beside = {figure.name: figure.reference_value for figure in result.figures if figure.reference == NAME}
    assert asked == [(600, 100), (300, 100), (300, 100)]
    assert beside["vectors, 0.95: coverage"] == 0.4
    assert beside["vectors, 300 traces: targets significantly missed"] == 2
    assert [table.rows[-1][0] for table in result.tables] == [NAME, NAME]


def test_without_tracer_ours_are_reported(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Trial:
        raise RivalUnavailable("out of memory")

    monkeypatch.setattr(fit, "SIZES", ())
    monkeypatch.setattr(fit, "tracer_if_wanted", lambda _: (Path(sys.executable), ()))
    monkeypatch.setattr(rival, "fit_tracer", fails)
    result = fit.measure(BenchRequest(str(small), only=("vectors",), quick=True))
    assert result.notes == ("out of memory",)
    assert [row[0] for row in result.tables[0].rows] == ["vectors"]
    assert not any(figure.reference == NAME for figure in result.figures)


def test_too_few_rows_are_missing_data(small: Path, tmp_path: Path) -> None:
    for file in small.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = parcels.traces(10)
    parcels.write(tmp_path / "banking77_train.jsonl", rows)
    np.save(tmp_path / "banking77_train.minilm.f16.npy", parcels.vectors(rows))
    with pytest.raises(MissingData, match="sampled traces"):
        fit.measure(BenchRequest(str(tmp_path), tracer=False, quick=True))


def test_an_unknown_kind_is_refused_with_the_known(small: Path) -> None:
    with pytest.raises(MissingData, match=r"'vector'.* text, vectors"):
        fit.measure(BenchRequest(str(small), only=("vector",), tracer=False))
