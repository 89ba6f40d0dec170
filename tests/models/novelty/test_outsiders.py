"""The outsider score: its graph agrees with numpy to the last bits, and strange logits stay in bounds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.graph.building import FLOAT, Graph
from models.graph.session import single_threaded
from models.novelty.outsiders import MOST, OutsiderScore, uncertainty

LABELS = 7
SCORE = OutsiderScore(1.3, 0.7, -2.0)
ROUNDING = 5e-5
"""Relative, of the exp of logits up to 200 that are rounded to float32."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""Smaller numbers of float32 have fewer digits."""


def run(logits: np.ndarray) -> np.ndarray:
    graph = Graph()
    graph.output("novelty", FLOAT, SCORE.write(graph, graph.input("logits", FLOAT, ["n", LABELS])))
    (novelty,) = single_threaded(graph.serialise()).run(["novelty"], {"logits": logits})
    return np.asarray(novelty[:, 0])


LOGITS = arrays(np.float32, (40, LABELS), elements=st.floats(-200, 200, width=32))


@given(LOGITS)
def test_its_graph_gives_the_same_novelty(logits: np.ndarray) -> None:
    novelty = run(logits)
    np.testing.assert_allclose(novelty, SCORE.novelty(logits), rtol=ROUNDING, atol=SMALLEST)
    assert ((novelty >= 0) & (novelty <= np.exp(MOST) * 1.0001)).all()


@given(LOGITS)
def test_a_row_of_logits_does_not_depend_on_others(logits: np.ndarray) -> None:
    together = run(logits)
    np.testing.assert_array_equal([run(logits[[row]])[0] for row in range(0, 40, 7)], together[::7])


def test_even_and_low_logits_are_novel() -> None:
    sure, even, low = np.zeros((3, LABELS), dtype=np.float32)
    sure[2], even[:], low[:], low[2] = 9.0, 9.0, -9.0, 0.0
    novelty = SCORE.novelty(np.stack([sure, even, low]))
    assert novelty[0] < novelty[1]
    assert novelty[0] < novelty[2]


def test_a_single_label_has_no_entropy() -> None:
    logits = np.array([[3.0], [-40.0]], dtype=np.float32)
    np.testing.assert_array_equal(uncertainty(logits), [[0.0, -3.0], [0.0, 40.0]])
