"""What is compared: both ways of one stream, and what the gateway adds to a direct call."""

from typing import Literal

import pytest

from infra.bench.gateway.load import LoadResult
from infra.bench.gateway.measure import SCENARIOS, measure
from infra.bench.gateway.passed_on import figures
from infra.bench.gateway.same_stream import compare
from infra.bench.gateway.sites import LoadRun
from infra.bench.request import BenchRequest
from infra.errors import MissingData
from schemas.messages import Label, Reason


def label(
    number: str, said: str, source: Literal["surrogate", "teacher"] = "surrogate", audited: bool = False
) -> Label:
    reason = Reason.ACCEPTED if source == "surrogate" else Reason.LOW_SCORE
    return Label(number, "t", said, source, reason, 1, 2, audited=audited)


def sample(p50: float, p99: float) -> LoadRun:
    return LoadRun(LoadResult(1.0, p50, p99, p99, 1, 0, 0.0), 1.0)


def test_both_ways_are_compared_by_id() -> None:
    http = [label("a", "x", audited=True), label("b", "x"), label("c", "y", "teacher")]
    kafka = [label("c", "y", "teacher"), label("b", "y"), label("a", "x", audited=True)]
    found = compare(http, kafka, {"a": "x", "b": "x", "c": "y"})
    assert [(one.value, one.reference_value) for one in found] == [(1, None), (2, 2), (1, 0.5), (1, 1)]


def test_an_added_quantile_is_of_one_run() -> None:
    runs = {
        "direct call": [sample(1.0, 5.0), sample(2.0, 9.0), sample(1.0, 5.0)],
        "through the gateway": [sample(3.0, 6.0), sample(9.0, 99.0), sample(2.0, 8.0)],
    }
    found = {one.name: (one.value, one.reference_value) for one in figures(runs)}
    assert found["passed on, p50"] == (3.0, 1.0)
    assert found["passed on, added to p50"] == (2.0, None)
    assert found["passed on, added to p99"] == (3.0, None)


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(MissingData, match=f"there are {', '.join(SCENARIOS)}"):
        measure(BenchRequest(only=("slow",)))
