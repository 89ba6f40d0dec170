"""Exports the fitted stages as the bytes of one ONNX graph.

A policy of one stage, or with a residual stage, has the outputs `label`, `score` and `novelty`, one of each
for every row. A lazy cascade of two tiers on one source of vectors is run twice. First with all texts, no
vectors and an empty `rest`: the outputs that begin with `first_` are the first stage's results, and
`first_done` says whether they are final. Then with the texts and vectors of the other rows, and `rest`
numbering them from 0: `label`, `score` and `novelty` are theirs.

A cascade of more tiers, or on several sources, is run once a stage, with the rows of that stage alone
(`models.graph.stage_names`, `models.stage_runner`). Each stage has results of its own there, and says which
are final; whoever runs it takes the first final ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from models.acceptors.features import AcceptorFeatureNodes
from models.featurizers.contract import Featurizer
from models.graph.building import FLOAT, INT64, UINT8, Graph
from models.graph.stage_names import DONE, LABEL, NOVELTY, SCORE, rows_input, stage_output
from models.novelty.outsiders import OutsiderScore
from models.surrogates.contract import Surrogate
from models.training.cascade import Ensemble
from models.training.stage import Stage

FIRST = "first_"


@dataclass(frozen=True, slots=True)
class _Outputs:
    label: str
    score: str
    novelty: str


def export(ensemble: Ensemble, *, staged: bool = False) -> bytes:
    """One ONNX graph that computes what the stages compute; `staged` to be run stage by stage."""
    if staged:
        return _export_staged(ensemble)
    graph = Graph(lazy=ensemble.lazy)
    writer = _Writer(graph)
    first = writer.stage(ensemble.stages[0], lambda node, _kind: node)
    last = first
    if ensemble.handovers:
        (handover,) = ensemble.handovers
        last = _write_second(graph, writer, ensemble, first, handover)
    rows = "m" if ensemble.lazy else "n"
    graph.output("label", INT64, last.label, rows)
    graph.output("score", FLOAT, last.score, rows)
    graph.output("novelty", FLOAT, last.novelty, rows)
    return graph.serialise()


def _export_staged(ensemble: Ensemble) -> bytes:
    graph = Graph(lazy=True)
    writer = _Writer(graph)
    for place, stage in enumerate(ensemble.stages):
        size = f"rows{place}"
        rows = graph.input(rows_input(place), INT64, [size])
        found = writer.stage(stage, partial(_gather, graph, rows))
        graph.output(stage_output(place, LABEL), INT64, found.label, size)
        graph.output(stage_output(place, SCORE), FLOAT, found.score, size)
        graph.output(stage_output(place, NOVELTY), FLOAT, found.novelty, size)
        if place < len(ensemble.handovers):
            done = graph.add("Cast", _write_done(graph, found, ensemble.handovers[place]), to=UINT8)
            graph.output(stage_output(place, DONE), UINT8, done, size)
    return graph.serialise()


def _gather(graph: Graph, rows: str, node: str, _kind: str) -> str:
    return graph.add("Gather", node, rows, axis=0)


def _write_done(graph: Graph, found: _Outputs, handover: float) -> str:
    """Add the nodes that say whether a stage decides a row."""
    sure = graph.add("GreaterOrEqual", found.score, graph.number(handover))
    known = graph.add("LessOrEqual", found.novelty, graph.number(1.0))
    return graph.add("And", sure, known)


def _write_second(
    graph: Graph, writer: "_Writer", ensemble: Ensemble, first: _Outputs, handover: float
) -> _Outputs:
    """Add the nodes of the second stage and of the choice between both."""
    done = _write_done(graph, first, handover)
    if not ensemble.lazy:
        second = writer.stage(ensemble.stages[1], lambda node, _kind: node, first.novelty)
        return _choose(graph, done, first, second)
    graph.output(f"{FIRST}label", INT64, first.label)
    graph.output(f"{FIRST}score", FLOAT, first.score)
    graph.output(f"{FIRST}novelty", FLOAT, first.novelty)
    graph.output(f"{FIRST}done", UINT8, graph.add("Cast", done, to=UINT8))
    rest = graph.input("rest", INT64, ["m"])

    def pick(node: str, kind: str) -> str:
        return graph.add("Gather", node, rest, axis=0) if kind == "text" else node

    second = writer.stage(ensemble.stages[1], pick)
    left = _Outputs(*(pick(node, "text") for node in (first.label, first.score, first.novelty)))
    return _choose(graph, pick(done, "text"), left, second)


def _choose(graph: Graph, done: str, first: _Outputs, second: _Outputs) -> _Outputs:
    return _Outputs(
        graph.add("Where", done, first.label, second.label),
        graph.add("Where", done, first.score, second.score),
        graph.add("Where", done, first.novelty, second.novelty),
    )


class _Writer:
    """Writes stages; nodes that two of them share are written once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._written: dict[int, str] = {}

    def stage(self, stage: Stage, pick: Callable[[str, str], str], before: str = "") -> _Outputs:
        """Add the nodes of one stage.

        Args:
            pick: adds a node that keeps only the stage's rows, given a node and the kind of its featurizer.
            before: the novelty of the stage before, which a residual stage takes over.
        """
        graph = self._graph
        members = [
            pick(self._write_once(member, lambda part=member: part.write(graph)), member.reads)  # type: ignore[misc]
            for member in stage.members
        ]
        weighted = [
            node if weight == 1.0 else graph.add("Mul", node, graph.number(weight))
            for node, weight in zip(members, stage.weights, strict=True)
        ]
        logits = graph.add("Sum", *weighted) if len(weighted) > 1 else weighted[0]
        novelty = before if stage.outsiders is None else self._novelty(stage, stage.outsiders, logits, pick)
        nodes = AcceptorFeatureNodes(logits, tuple(members), novelty)
        label = graph.add("ArgMax", logits, axis=1, keepdims=0)
        return _Outputs(label, stage.acceptor.write(graph, nodes), novelty)

    def _novelty(
        self, stage: Stage, outsiders: OutsiderScore, logits: str, pick: Callable[[str, str], str]
    ) -> str:
        graph = self._graph
        scaled = [outsiders.write(graph, logits)]
        for featurizer, limit in zip(stage.featurizers, stage.limits, strict=True):
            node = self._write_once(featurizer, lambda part=featurizer: part.write_novelty(graph))  # type: ignore[misc]
            scaled.append(graph.add("Div", pick(node, featurizer.kind), graph.number(limit)))
        return graph.add("Squeeze", graph.add("Max", *scaled), graph.axes(1))

    def _write_once(self, part: Surrogate | Featurizer, write: Callable[[], str]) -> str:
        if id(part) not in self._written:
            self._written[id(part)] = write()
        return self._written[id(part)]
