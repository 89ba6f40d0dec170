import os
from functools import partial
from pathlib import Path

import pytest

from infra.bench.logged_fits import SecondsLeft, run_fits
from infra.bench.results_log import CLEAN, DrawCell, FitRow, ResultsLog, Task
from infra.bench.trial import FitTrial
from infra.errors import RivalUnavailable

TASKS = [("text", DrawCell("Snips", CLEAN, size, seed=seed)) for size in (500, 900) for seed in (0, 1)]


def _fit(threads: str | None, task: Task) -> FitRow:
    name, cell = task
    if cell.size == 900 and cell.seed == 1:
        raise RivalUnavailable("out of memory")
    assert os.environ.get("OMP_NUM_THREADS") == threads
    return FitRow(name, cell, FitTrial((), 1.0, 0))


@pytest.mark.parametrize(("alone", "threads"), [(False, "1"), (True, None)])
def test_a_failure_of_a_rival_leaves_the_others(
    alone: bool, threads: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    log = ResultsLog(tmp_path / "fits.jsonl")
    log.add(FitRow(*TASKS[0], FitTrial((), 7.0, 0)))
    assert run_fits(TASKS, lambda _: partial(_fit, threads), log, 1, alone) == ("out of memory",)
    assert [row.trial.seconds for row in log.of(TASKS)] == [7.0, 1.0, 1.0]
    assert os.environ.get("OMP_NUM_THREADS") is None


def test_the_time_left_is_that_of_each_kind() -> None:
    seconds = SecondsLeft([])
    assert "known when" in seconds.sentence(TASKS, 2)
    for seed, spent in enumerate((60.0, 120.0)):
        seconds.add(FitRow("text", DrawCell("Snips", CLEAN, 500, seed=seed), FitTrial((), 1.0, 0), (), spent))
    assert seconds.sentence(TASKS[:2], 2) == "about 1.5 minutes with --workers 2"
    assert (
        seconds.sentence(TASKS, 1) == "about 6.0 minutes with --workers 1 (1 kinds of fit not measured yet)"
    )
    assert seconds.sentence([], 1) == "done"
