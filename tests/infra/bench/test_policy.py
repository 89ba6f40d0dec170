from pathlib import Path

import pytest

from infra.bench import policy
from infra.bench.order import Order


def test_text_and_vectors_are_measured_at_each_batch_beside_the_reference(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "LEAST_SECONDS", 0.0001)
    found = policy.measure(Order(str(small), 3)).figures
    names = [f"{kind}, batch {size}" for kind in ("text", "vectors") for size in (1, 32, 256)]
    assert [figure.name for figure in found] == names
    for figure in found:
        assert figure.unit == "µs CPU/row"
        assert figure.value > 0
        assert figure.reference_value is not None
        assert figure.ratio == pytest.approx(figure.value / figure.reference_value, rel=1e-3)
