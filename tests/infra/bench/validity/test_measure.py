import json
from pathlib import Path

import pytest

from infra.bench.corpora import Split
from infra.bench.request import BenchRequest
from infra.bench.tracer.environment import NAME
from infra.bench.trial import TARGETS, TargetOutcome, Trial
from infra.bench.validity import draws
from infra.bench.validity.counts import count_misses, tables
from infra.bench.validity.draws import CLEAN, COIN, LEARNABLE, NOISY, SHUFFLED, DrawCell, draw, learnable
from infra.bench.validity.measure import measure
from infra.bench.validity.results_log import FitRow
from models.features import Features

POOL = Split(Features(texts=[str(number) for number in range(2_000)]), ["a", "b", "c", "d"] * 500)


def _trial(*answers: tuple[int, int], passed: int = 3) -> Trial:
    given = zip(TARGETS, answers, strict=True)
    return Trial(tuple(TargetOutcome(target, n > 0, 100, n, k) for target, (n, k) in given), 1.0, passed)


def test_draws_are_spread_evenly() -> None:
    result = learnable(["one", "two"], 40)
    kinds = [(cell.corpus, cell.teacher, cell.size) for cell in result]
    assert {kinds.count(kind) for kind in kinds} == {2}
    assert len(set(result)) == 40
    assert result[:20] == learnable(["one", "two"], 20)


def _labels(teacher: str) -> tuple[list[str], float]:
    """Labels to learn from, and how many of all are not the corpus' own."""
    parts = draw(DrawCell("any", teacher, 1_000, 7), POOL)
    given = [pair for part in parts for pair in zip(part.rows.texts or [], part.labels, strict=True)]
    return parts[0].labels, sum("abcd"[int(row) % 4] != label for row, label in given) / len(given)


def test_a_teachers_errors_are_in_both_parts() -> None:
    assert _labels(CLEAN)[1] == 0.0
    assert 0.06 < _labels(NOISY)[1] < 0.10
    assert 0.70 < _labels(SHUFFLED)[1] < 0.80
    assert set(_labels(COIN)[0]) == {"heads", "tails"}


def test_the_bound_adds_delta_and_the_tests_level() -> None:
    result = count_misses([_trial((50, 39), (50, 49), (0, 0)), _trial((50, 49), (50, 49), (50, 50))])
    assert (result.fits, result.passed, result.missed) == (2, (2, 2, 1), (1, 0, 0))
    assert result.allowed == pytest.approx(0.05 * 2 * 3)
    assert result.bound == pytest.approx(result.allowed + 0.05 * 5)


def test_tracer_is_compared_on_its_own_draws() -> None:
    near, far = DrawCell("Snips", CLEAN, 500, 0), DrawCell("Snips", CLEAN, 500, 1)
    good, bad = _trial((50, 50), (50, 50), (50, 50)), _trial((50, 30), (50, 30), (50, 30))
    entries = [FitRow("vectors", near, good), FitRow("vectors", far, bad), FitRow(NAME, near, bad)]
    entries += [FitRow("vectors", DrawCell("Snips", COIN, 500, 0), _trial((0, 0), (0, 0), (0, 0), passed=1))]
    everything, beside, hopeless = tables(entries)
    in_all = list(everything.columns).index("in all")
    assert {row[0]: row[in_all] for row in everything.rows}["vectors, all"] == "3 of 6"
    assert {row[0]: row[in_all] for row in beside.rows} == {
        "vectors, all": "0 of 3", "vectors, Snips, gold labels": "0 of 3",
        f"{NAME}, all": "3 of 3", f"{NAME}, Snips, gold labels": "3 of 3",
    }  # fmt: skip
    assert hopeless.rows == (("vectors, Snips, a coin", "1", "1"),)


def test_a_longer_run_continues_from_the_log(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws, "SIZES", (300,))
    monkeypatch.setattr(draws, "UNLEARNABLE_SIZE", 200)
    out = tmp_path / "fits.jsonl"
    request = BenchRequest(str(small), only=("vectors",), tracer=False, draws=1, out=str(out))
    measure(request)
    first = out.read_text()
    result = measure(BenchRequest(str(small), only=("vectors",), tracer=False, draws=2, out=str(out)))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert out.read_text().startswith(first)
    assert [line["cell"]["seed"] for line in lines] == [0, 0, 0, 1, 1, 1]
    assert {line["cell"]["teacher"] for line in lines} == {*LEARNABLE, SHUFFLED, COIN}
    assert any("snips_train.jsonl is not in" in note for note in result.notes)
    assert {row[2] for row in result.tables[-1].rows} == {"0"}
