from pathlib import Path

import pytest

from infra.bench.trial import TargetOutcome, Trial
from infra.bench.validity.draws import CLEAN, DrawCell
from infra.bench.validity.results_log import FitRow, ResultsLog
from infra.errors import InvalidFile

FIRST, SECOND = (
    FitRow("text", DrawCell("Snips", CLEAN, 500, seed), Trial((TargetOutcome(0.9, True, 10, 5, 4),), 1.5, 3))
    for seed in (0, 1)
)


def test_a_later_run_knows_the_logged_fits(tmp_path: Path) -> None:
    ledger = ResultsLog(tmp_path / "fits.jsonl")
    ledger.add(FIRST)
    again = ResultsLog(tmp_path / "fits.jsonl")
    assert FIRST.task in again
    assert SECOND.task not in again
    again.add(SECOND)
    assert ResultsLog(tmp_path / "fits.jsonl").of([SECOND.task, FIRST.task]) == [SECOND, FIRST]


def test_an_incomplete_line_is_run_again(tmp_path: Path) -> None:
    file = tmp_path / "fits.jsonl"
    ledger = ResultsLog(file)
    ledger.add(FIRST)
    ledger.add(SECOND)
    file.write_bytes(file.read_bytes()[:-9])
    again = ResultsLog(file)
    assert again.of([FIRST.task, SECOND.task]) == [FIRST]
    again.add(SECOND)
    assert ResultsLog(file).of([FIRST.task, SECOND.task]) == [FIRST, SECOND]


def test_another_kind_of_file_is_not_written_to(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    for notes in ("buy milk\n", "buy milk"):
        file.write_text(notes)
        with pytest.raises(InvalidFile, match=r"notes\.txt.*--out"):
            ResultsLog(file)
        assert file.read_text() == notes


def test_without_a_file_fits_stay_in_memory() -> None:
    ledger = ResultsLog(None)
    ledger.add(FIRST)
    assert FIRST.task in ledger
