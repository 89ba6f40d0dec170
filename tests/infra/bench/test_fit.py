import json
import sys
from pathlib import Path

import numpy as np
import pytest

from infra.bench import fit
from infra.bench.corpora import Split
from infra.bench.request import BenchRequest
from infra.bench.results_log import CLEAN, DrawCell
from infra.bench.rival_library import RivalLibrary
from infra.bench.tracer.environment import NAME, TRACER
from infra.bench.trial import TARGETS, FitTrial, TargetOutcome, agreement, coverage, violations
from infra.errors import MissingData, RivalUnavailable
from tests.infra import parcels

PYTHON = Path(sys.executable)


def _trial(*answers: tuple[int, int], seconds: float = 1.0) -> FitTrial:
    """Answered and agreed of 100 rows at each target."""
    given = zip(TARGETS, answers, strict=True)
    return FitTrial(tuple(TargetOutcome(target, bool(n), 100, n, k) for target, (n, k) in given), seconds, 3)


def test_coverage_and_agreement_over_draws() -> None:
    trials = [_trial((80, 72), (0, 0), (0, 0)), _trial((20, 20), (10, 9), (0, 0))]
    assert [coverage(trials, target) for target in TARGETS] == [0.5, 0.05, 0.0]
    assert [agreement(trials, target) for target in TARGETS] == [0.92, 0.9, None]


def test_only_a_significant_miss_is_a_violation() -> None:
    assert violations([_trial((50, 44), (50, 46), (50, 47))]) == 0
    assert violations([_trial((50, 39), (50, 44), (0, 0))]) == 2


def _agree_on_half(_python: Path, train: Split, test: Split) -> FitTrial:
    """A rival that answers 50, 40 and no rows."""
    assert len(test) == 100
    return _trial((50, 50), (40, 30), (0, 0), seconds=float(len(train)))


def _fail(*_: object) -> FitTrial:
    raise RivalUnavailable("out of memory")


@pytest.fixture
def rival(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(
        RivalLibrary, "interpreter_if_wanted", lambda _, wanted: (PYTHON if wanted else None, ())
    )
    monkeypatch.setattr(fit, "RIVALS", ((TRACER, _agree_on_half),))
    return monkeypatch


def test_every_size_is_a_mean_of_the_same_orders(
    small: Path, rival: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rival.setattr(fit, "FEW", (300,))
    out = tmp_path / "fits.jsonl"
    request = BenchRequest(
        str(small), only=("vectors",), quick=True, draws=2, rival_draws=2, workers=2, out=str(out)
    )
    result = fit.measure(request)
    figures = {figure.name: figure for figure in result.figures}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    drawn = {(row["contestant"], row["cell"]["size"], row["cell"]["seed"]) for row in rows}
    assert drawn == {
        (name, size, seed) for name in ("vectors", NAME) for size in (600, 300) for seed in (0, 1)
    }
    assert {row["trial"]["seconds"] for row in rows if row["contestant"] == NAME} == {600.0, 300.0}
    assert figures["vectors, 300 traces, 0.9: coverage"].value > 0.5
    assert figures["vectors, 600 traces, 0.95: coverage"].reference_value == 0.4
    assert figures["vectors, 600 traces: peak memory"].value > 50
    assert [[row[0] for row in table.rows] for table in result.tables] == [["vectors", NAME]] * 2
    fit.measure(request)
    assert len(out.read_text().splitlines()) == len(rows)


def test_rows_of_an_order_are_all_rows() -> None:
    orders = [fit.drawn_rows(DrawCell(fit.CORPUS, CLEAN, 600, seed=seed), 600) for seed in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(600))
    assert orders[0] != orders[1]
    assert fit.drawn_rows(DrawCell(fit.CORPUS, CLEAN, 50, seed=1), 600) == orders[1][:50]


def test_a_rival_that_fails_is_named(small: Path, rival: pytest.MonkeyPatch) -> None:
    rival.setattr(fit, "RIVALS", ((TRACER, _fail),))
    request = BenchRequest(str(small), only=("vectors",), sizes=(300,), quick=True, draws=1, rival_draws=1)
    result = fit.measure(request)
    assert result.notes == ("out of memory",)
    assert [row[0] for row in result.tables[0].rows] == ["vectors"]
    assert not any(figure.reference == NAME for figure in result.figures)


def test_a_rival_can_be_left_out(small: Path, rival: pytest.MonkeyPatch) -> None:
    request = BenchRequest(
        str(small), only=("vectors",), sizes=(300,), quick=True, draws=1, rival_draws=1, without=(NAME,)
    )
    assert [row[0] for row in fit.measure(request).tables[0].rows] == ["vectors"]


def test_cold_and_warm_fits_are_timed(small: Path) -> None:
    request = BenchRequest(str(small), runs=1, only=("vectors",), sizes=(600,), draws=1)
    result = fit.measure(request)
    assert [row[0] for row in result.tables[-2].rows] == ["vectors, cold", "vectors, warm"]
    phases = {row[0]: float(row[1]) for row in result.tables[-1].rows}
    assert "vectors, cold: learning curve" in phases
    assert "vectors, warm: learning curve" not in phases
    parts = [seconds for name, seconds in phases.items() if name.startswith("vectors, warm: ")]
    assert sum(parts[:-1]) == pytest.approx(phases["vectors, warm: all"], abs=0.1)
    warm = {figure.name: figure for figure in result.figures}["vectors: warm fit"]
    assert warm.reference == "cold fit"


def test_too_few_rows_are_missing_data(small: Path, tmp_path: Path) -> None:
    for file in small.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = parcels.traces(10)
    parcels.write(tmp_path / "banking77_train.jsonl", rows)
    np.save(tmp_path / "banking77_train.minilm.f16.npy", parcels.vectors(rows))
    with pytest.raises(MissingData, match="sampled traces"):
        fit.measure(BenchRequest(str(tmp_path), runs=1, only=("vectors",), draws=1))


def test_an_unknown_kind_is_refused_with_the_known(small: Path) -> None:
    with pytest.raises(MissingData, match=r"'vector'.* text, vectors"):
        fit.measure(BenchRequest(str(small), only=("vector",)))


def test_more_traces_than_rows_are_refused(small: Path) -> None:
    with pytest.raises(MissingData, match=r"600 rows.*--traces"):
        fit.measure(BenchRequest(str(small), only=("vectors",), sizes=(900,)))
