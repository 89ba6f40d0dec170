import pytest
from msgspec.structs import replace

from infra.bench.results_log import CLEAN, DrawCell, FitRow
from infra.bench.tracer.environment import NAME
from infra.bench.trial import FitTrial, TargetOutcome
from infra.bench.validity.counts import count_misses, figures, tables
from infra.bench.validity.draws import COIN
from infra.bench.validity.fits import TARGETS


def _outcomes(*answers: tuple[int, int]) -> tuple[TargetOutcome, ...]:
    """Answered and agreed of 100 rows, at the highest targets; nothing passed at the others."""
    given = [(0, 0)] * (len(TARGETS) - len(answers)) + list(answers)
    return tuple(TargetOutcome(t, n > 0, 100, n, k) for t, (n, k) in zip(TARGETS, given, strict=True))


CELL = DrawCell("Snips", CLEAN, 500)


def _row(outcomes: tuple[TargetOutcome, ...], cell: DrawCell = CELL) -> FitRow:
    return FitRow("text", cell, FitTrial(outcomes, 1.0, 3), _outcomes((50, 50)))


def test_a_miss_need_not_be_significant() -> None:
    fits = [_outcomes((50, 45), (50, 47), (50, 49)), _outcomes((50, 39), (0, 0), (0, 0))]
    counts = count_misses(fits)
    assert (counts.tested, counts.passed, counts.missed, counts.significant) == (10, 4, 2, 1)
    assert counts.share == 0.5
    assert counts.bound == pytest.approx(0.05 * 10 + 0.05 * 4)
    at_95 = count_misses(fits, 0.95)
    assert (at_95.tested, at_95.passed, at_95.missed, at_95.significant) == (2, 1, 1, 0)


def test_a_target_met_to_the_row_is_not_missed() -> None:
    assert count_misses([_outcomes((100, 90), (100, 95), (50, 49))]).missed == 0


def test_cells_stand_beside_another_release() -> None:
    rows = [_row(_outcomes((50, 45), (50, 47), (50, 49)), replace(CELL, seed=seed)) for seed in range(3)]
    before = [_row(_outcomes((50, 40), (50, 40), (50, 40)), replace(CELL, seed=9))]
    misses, coverage = tables(rows, before)
    row = dict(zip(misses.columns, misses.rows[0], strict=False))
    assert (row["missed at .95"], row["in all"], row["with fresh rows"]) == ("3 of 3", "3 of 9", "0 of 3")
    assert (misses.rows[0][-2:], misses.rows[-1][0]) == (("3 of 3", "1.000"), "text, all")
    assert coverage.rows[0][1].endswith(".500/.500/.500")
    assert tables(rows)[0].columns[-1] == "significant"


def test_repeats_and_sizes_are_cells_of_their_own() -> None:
    rows = [
        _row(_outcomes((50, 50))),
        _row(_outcomes((50, 50)), replace(CELL, repeated=0.5)),
        _row(_outcomes(), replace(CELL, size=900)),
    ]
    assert len(tables(rows)[1].rows) == 3


def test_labels_that_cannot_be_learned_stand_apart() -> None:
    rows = [_row(_outcomes((50, 50))), _row(_outcomes(), replace(CELL, teacher=COIN))]
    *learned, hopeless = tables(rows)
    assert all(COIN not in row[0] for table in learned for row in table.rows)
    assert hopeless.rows == (("text, Snips, a coin, no repeats, 500", "1", "1"),)


def test_a_rival_is_judged_at_its_own_targets() -> None:
    outcomes = tuple(each for each in _outcomes((50, 45), (50, 47), (50, 49)) if each.target >= 0.9)
    row = FitRow(NAME, DrawCell("Snips", CLEAN, 500), FitTrial(outcomes, 1.0, 3))
    misses, _ = tables([row])
    assert misses.rows[0][2:4] == ("-", "-")
    assert not any("0.85" in figure.name for figure in figures([row]))
