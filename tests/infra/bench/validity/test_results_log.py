from pathlib import Path

import pytest

from infra.bench.trial import Outcome, Trial
from infra.bench.validity.draws import CLEAN, Cell
from infra.bench.validity.results_log import Entry, Ledger
from infra.errors import InvalidFile

FIRST, SECOND = (
    Entry("text", Cell("Snips", CLEAN, 500, seed), Trial((Outcome(0.9, True, 10, 5, 4),), 1.5, 3))
    for seed in (0, 1)
)


def test_what_was_tried_is_known_to_a_later_run(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "fits.jsonl")
    ledger.add(FIRST)
    again = Ledger(tmp_path / "fits.jsonl")
    assert FIRST.task in again
    assert SECOND.task not in again
    again.add(SECOND)
    assert Ledger(tmp_path / "fits.jsonl").of([SECOND.task, FIRST.task]) == [SECOND, FIRST]


def test_a_line_that_was_cut_off_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "fits.jsonl"
    ledger = Ledger(file)
    ledger.add(FIRST)
    ledger.add(SECOND)
    file.write_bytes(file.read_bytes()[:-9])
    again = Ledger(file)
    assert again.of([FIRST.task, SECOND.task]) == [FIRST]
    again.add(SECOND)
    assert Ledger(file).of([FIRST.task, SECOND.task]) == [FIRST, SECOND]


def test_a_file_with_something_else_is_not_written_to(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    for notes in ("buy milk\n", "buy milk"):
        file.write_text(notes)
        with pytest.raises(InvalidFile, match=r"notes\.txt.*--out"):
            Ledger(file)
        assert file.read_text() == notes


def test_without_a_file_nothing_is_kept_but_in_memory() -> None:
    ledger = Ledger(None)
    ledger.add(FIRST)
    assert FIRST.task in ledger
