from pathlib import Path

import pytest
from msgspec.structs import replace

from infra.bench.results_log import CLEAN, DrawCell, FitRow, ResultsLog
from infra.bench.trial import FitTrial, TargetOutcome
from infra.errors import InvalidFile

FIRST, SECOND = (
    FitRow(
        "text",
        DrawCell("Snips", CLEAN, 500, seed=seed),
        FitTrial((TargetOutcome(0.9, True, 10, 5, 4),), 1.5, 3),
    )
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


def test_a_log_without_repeats_is_read(tmp_path: Path) -> None:
    file = tmp_path / "fits.jsonl"
    ResultsLog(file).add(FIRST)
    file.write_text(file.read_text().replace('"repeated":0.0,', "").replace(',"fresh":[],"seconds":0.0', ""))
    assert ResultsLog(file).of([FIRST.task]) == [FIRST]


def test_other_seeds_of_the_same_cells_match() -> None:
    log = ResultsLog(None)
    log.add(FIRST)
    log.add(SECOND)
    larger = FitRow("text", replace(FIRST.cell, size=900), FIRST.trial)
    log.add(larger)
    assert log.matching([SECOND.task]) == [FIRST, SECOND]
