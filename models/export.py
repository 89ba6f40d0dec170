"""From a fitted surrogate and acceptor to the bytes of one graph: label, score, novelty."""

from dataclasses import replace

import numpy as np

from models.acceptor import SMALLEST, Acceptor
from models.design import Design
from models.graph import DOUBLE, FLOAT, INT64, Graph
from models.logistic import Linear


def export(design: Design, model: Linear, acceptor: Acceptor) -> bytes:
    """One ONNX graph that does what `model` and `acceptor` do; the temperature goes into the weights."""
    graph = Graph()
    cooler = np.float32(1.0 / acceptor.temperature)
    tempered = replace(model, weights=model.weights * cooler, intercept=model.intercept * cooler)
    logits, novelty = design.write(graph, tempered)
    graph.output("label", INT64, graph.add("ArgMax", logits, axis=1, keepdims=0))
    graph.output("score", FLOAT, _score(graph, logits, acceptor))
    graph.output("novelty", FLOAT, novelty)
    return graph.serialise()


def _score(graph: Graph, logits: str, acceptor: Acceptor) -> str:
    """Nodes of `Acceptor.scores`.

    Sums and what follows are in double: vector units round a row by its place, which must not show.
    """
    across = graph.axes(1)

    def number(value: float) -> str:
        return graph.constant(np.array(value, dtype=np.float64))

    peak = graph.add("ReduceMax", logits, across, keepdims=1)
    raised = graph.add("Cast", graph.add("Exp", graph.add("Sub", logits, peak)), to=DOUBLE)
    total = graph.add("ReduceSum", raised, across, keepdims=0)
    rest = graph.add("Max", graph.add("Sub", total, number(1.0)), number(SMALLEST))
    total = graph.add("Log", graph.add("Add", rest, number(1.0)))
    doubt = graph.add("Sub", graph.add("Log", rest), total)
    lost = graph.add("Mul", total, number(acceptor.hit))
    lost = graph.add("Add", lost, graph.add("Mul", doubt, number(acceptor.miss)))
    score = graph.add("Sigmoid", graph.add("Sub", number(acceptor.intercept), lost))
    return graph.add("Cast", score, to=FLOAT)
