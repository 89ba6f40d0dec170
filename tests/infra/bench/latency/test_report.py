"""What is shown: medians with their spread, ratios within each run, and where the slowest spend time."""

import numpy as np
import pytest

from infra.bench.latency.report import Cell, latency_report
from infra.bench.latency.stages import STAGES, StageTimes

STAGES_SHOWN = ("commit", "score")


def run(milliseconds: float, late: float = 0.001) -> StageTimes:
    """A run in which each request takes so long, all of it in the commit, but for the time it is late."""
    stages = np.zeros((100, len(STAGES)))
    stages[:, STAGES.index("commit")] = milliseconds / 1e3 - late
    stages[:, STAGES.index("late")] = late
    return StageTimes(stages.sum(axis=1), stages, stages[:, STAGES.index("late")], 0)


@pytest.fixture
def cells() -> dict[Cell, list[StageTimes]]:
    return {
        Cell("exactly_once", 2000, "low"): [run(30), run(10), run(90)],
        Cell("exactly_once", 2000, "bare"): [run(10), run(5), run(45)],
    }


def test_a_quantile_is_the_median_of_the_runs_beside_the_bare_loops(
    cells: dict[Cell, list[StageTimes]],
) -> None:
    figures = {one.name: one for one in latency_report(cells, "bare", "texts").figures}
    found = figures["exactly once, 2,000/s, low: p99"]
    assert (found.value, found.unit, found.reference_value, found.ratio) == (30, "ms", 10, 3)
    assert figures["exactly once, 2,000/s, bare: p99"].reference is None
    assert figures["exactly once, 2,000/s, low: generator late, p99"].value == pytest.approx(1)


def test_the_slowest_requests_name_their_stage(cells: dict[Cell, list[StageTimes]]) -> None:
    figures = {one.name: one.value for one in latency_report(cells, "bare", "texts").figures}
    assert figures["exactly once, 2,000/s, low: commit, of the slowest hundredth"] == pytest.approx(
        29 / 30, 1e-3
    )
    assert figures["exactly once, 2,000/s, low: score, of the slowest hundredth"] == 0


def test_tables_show_the_spread_and_the_ratios_of_each_run(cells: dict[Cell, list[StageTimes]]) -> None:
    latency, means, shares = latency_report(cells, "bare", "texts").tables
    row = dict(zip(latency.columns, latency.rows[0], strict=True))
    assert row["p50"] == "30.0 (10.0 to 90.0)"
    assert row["p99, times bare"] == "2.00 (2.00 to 3.00)"
    assert means.columns == shares.columns == ("", *STAGES)
    assert dict(zip(shares.columns, shares.rows[1], strict=True))["commit"] == ".900"
