"""The board's queries speak of metrics that exist, and every panel says what it shows."""

import re
from itertools import combinations
from typing import Any

import msgspec
import pytest

from streams.metrics.catalog import CATALOG, Metric
from tests.infra.deploy.queries import known_metrics, mistakes
from tests.infra.deploy.test_prometheus_rules import DEPLOY

BOARD: dict[str, Any] = msgspec.json.decode((DEPLOY / "grafana" / "understudy.json").read_bytes())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"] for variable in BOARD["templating"]["list"]}


def filled_in(query: str) -> str:
    """A query as Grafana sends it."""
    named = re.sub(r"\$(\w+)", lambda found: "x" if found[1] in VARIABLES else found[0], query)
    return named.replace("$__rate_interval", "1m")


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_metrics_that_exist(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        query = filled_in(target["expr"])
        assert mistakes(query) == []
        assert "$" not in query
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert shown <= set().union(*(known_metrics()[name] for name in names_in(query)))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]


def test_the_choice_of_tasks_asks_for_a_metric_that_has_them() -> None:
    (tasks,) = (variable for variable in BOARD["templating"]["list"] if variable["name"] == "task")
    asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", tasks["query"]["query"])
    assert asked
    assert asked[2] in known_metrics()[asked[1]]


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)
def test_the_board_shows_every_metric(metric: Metric) -> None:
    queries = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    assert re.search(rf"\b{metric.full_name}(_bucket|_sum|_count)?\b", queries)


def test_panels_have_a_place_of_their_own() -> None:
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    for one, other in combinations((panel["gridPos"] for panel in BOARD["panels"]), 2):
        apart = any(
            a[near] + a[size] <= b[near]
            for near, size in (("x", "w"), ("y", "h"))
            for a, b in ((one, other), (other, one))
        )
        assert apart, (one, other)


def names_in(query: str) -> set[str]:
    return {name for name in re.findall(r"\w+", query) if name in known_metrics()}
