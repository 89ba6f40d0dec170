"""Queries of rules and boards, held against the catalog of metrics: names, and the labels that each has."""

from collections.abc import Iterator

import promql_parser
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import AggregateExpr, BinaryExpr, Expr, VectorSelector

from streams.metrics.catalog import CATALOG, MetricKind
from streams.metrics.registry import MetricRegistry

_SCRAPED = frozenset({"job", "instance"})
_ENDINGS = ("_bucket", "_sum", "_count")


def known_metrics() -> dict[str, frozenset[str]]:
    """The labels of everything that Prometheus may hold of our processes, by name."""
    known = {"up": _SCRAPED}
    for metric in CATALOG:
        labels = _SCRAPED | set(metric.labels)
        if metric.kind is MetricKind.HISTOGRAM:
            known |= {metric.full_name + ending: labels for ending in _ENDINGS}
            known[f"{metric.full_name}_bucket"] = labels | {"le"}
        else:
            known[metric.full_name] = labels
    for family in text_string_to_metric_families(MetricRegistry().text().decode()):
        for sample in family.samples:
            if sample.name.startswith("process_"):
                known[sample.name] = _SCRAPED | set(sample.labels)
    return known


def mistakes(query: str) -> list[str]:
    """Metrics that nobody shows, and labels that they do not have, in a query."""
    known, found, tree = known_metrics(), list[str](), promql_parser.parse(query)
    for selector in _selectors(tree):
        if selector.name not in known:
            found.append(f"there is no metric {selector.name}")
    for node in _nodes(tree):
        for label in _labels(node):
            for selector in _selectors(node):
                if label not in known.get(selector.name or "", {label}):
                    found.append(f"{selector.name} has no label {label}")
    return found


def _nodes(tree: Expr) -> Iterator[Expr]:
    nodes = list[Expr]()
    promql_parser.walk(tree, nodes.append)
    yield from nodes


def _selectors(tree: Expr) -> list[VectorSelector]:
    return [node for node in _nodes(tree) if isinstance(node, VectorSelector)]


def _labels(node: Expr) -> list[str]:
    """The labels that a node names, which all that is selected beneath it has to have."""
    if isinstance(node, AggregateExpr):
        return node.modifier.labels if node.modifier else []
    if isinstance(node, BinaryExpr):
        return node.modifier.matching.labels if node.modifier and node.modifier.matching else []
    return [matcher.name for matcher in node.matchers.matchers] if isinstance(node, VectorSelector) else []
