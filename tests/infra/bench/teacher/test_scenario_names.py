"""Scenarios are chosen by name; an unknown one is named, with those that there are."""

import pytest

from infra.bench.teacher.measure import chosen_scenarios
from infra.errors import MissingData


def test_all_scenarios_run_without_a_choice() -> None:
    assert chosen_scenarios([]) == [
        "backlog",
        "away",
        "failing",
        "storm",
        "hanging",
        "retried",
        "killed",
        "ceiling",
    ]


def test_named_scenarios_keep_their_order() -> None:
    assert chosen_scenarios(["killed", "backlog"]) == ["backlog", "killed"]


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(MissingData, match="no scenario is called 'slow': there are backlog, away, failing"):
        chosen_scenarios(["slow"])
