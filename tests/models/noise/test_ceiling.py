"""The ceiling of agreement with a teacher that contradicts itself is never too low."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.noise.ceiling import ceiling


@given(st.lists(st.floats(0.001, 1.0), min_size=2, max_size=6), st.integers(0, 5))
def test_no_surrogate_exceeds_the_ceiling(chances: list[float], unused: int) -> None:
    p = np.array(chances) / sum(chances)
    differ = float(1 - (p**2).sum())
    labels = len(p) + unused
    assert 1 - differ - 1e-9 <= p.max() <= ceiling(differ, labels) + 1e-9
    assert ceiling(differ, labels) <= ceiling(differ) + 1e-9, "for any number of labels"


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(2, 100) | st.none())
def test_the_ceiling_is_concave(one: float, other: float, labels: int | None) -> None:
    most = 1 - 1 / labels if labels else 1.0
    mean = (ceiling(one * most, labels) + ceiling(other * most, labels)) / 2
    assert mean <= ceiling((one + other) / 2 * most, labels) + 1e-9
