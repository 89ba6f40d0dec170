from collections import Counter

import pytest

from infra.bench.corpora import Split
from infra.bench.results_log import CLEAN, DrawCell
from infra.bench.validity.draws import COIN, NOISY, SHUFFLED, draw, learnable
from models.features import Features

POOL = Split(Features(texts=[str(number) for number in range(2_000)]), ["a", "b", "c", "d"] * 500)


def _texts(split: Split) -> list[str]:
    return list(split.rows.texts or [])


def test_every_cell_of_a_seed_comes_before_the_next() -> None:
    result = learnable(["one", "two"], (500, 900), (0.0, 0.5), 3, 1)
    assert len(set(result)) == len(result) == 2 * 2 * (2 * 3 + 1)
    assert [cell.seed for cell in result] == sorted(cell.seed for cell in result)
    assert {(cell.seed, cell.repeated) for cell in result if cell.teacher == NOISY} == {(0, 0.0)}


def _labels(teacher: str) -> tuple[list[str], float]:
    """Labels to learn from, and how many of all are not the corpus' own."""
    rows = draw(DrawCell("any", teacher, 900, seed=7), POOL)
    parts = (rows.sent, rows.fresh, rows.judged)
    given = [pair for part in parts for pair in zip(_texts(part), part.labels, strict=True)]
    return rows.sent.labels, sum("abcd"[int(row) % 4] != label for row, label in given) / len(given)


def test_a_teachers_errors_are_in_all_parts() -> None:
    assert _labels(CLEAN)[1] == 0.0
    assert 0.06 < _labels(NOISY)[1] < 0.10
    assert 0.70 < _labels(SHUFFLED)[1] < 0.80
    assert set(_labels(COIN)[0]) == {"heads", "tails"}


@pytest.mark.parametrize(("repeated", "distinct"), [(0.0, 600), (0.2, 500), (0.5, 400), (1.0, 300)])
def test_repeats_count_as_sent_and_are_not_judged(repeated: float, distinct: int) -> None:
    rows = draw(DrawCell("any", CLEAN, 600, repeated, seed=3), POOL)
    sent = Counter(_texts(rows.sent))
    assert sum(sent.values()) == 600
    assert Counter(sent.values()) == Counter({1: 2 * distinct - 600, 2: 600 - distinct}) + Counter()
    assert len(_texts(rows.fresh)) == 600
    for first, second in ((sent, rows.fresh), (sent, rows.judged), (_texts(rows.fresh), rows.judged)):
        assert not set(first) & set(_texts(second))


def test_cells_of_a_seed_judge_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.bench.validity.draws.JUDGED", 500)
    cells = [DrawCell("any", CLEAN, size, repeated, seed=5) for size in (200, 700) for repeated in (0.0, 1.0)]
    judged = {tuple(_texts(draw(cell, POOL).judged)) for cell in cells}
    assert len(judged) == 1
    assert len(judged.pop()) == 500
