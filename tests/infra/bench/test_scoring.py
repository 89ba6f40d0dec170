import sys
from pathlib import Path

import pytest

from infra.bench import scoring
from infra.bench.request import BenchRequest
from infra.bench.rival_library import RivalLibrary
from infra.bench.tracer import rival
from infra.bench.tracer.rival import TracerFit, TracerReply


@pytest.fixture(autouse=True)
def _hastily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "LEAST_SECONDS", 0.0001)


KINDS = ("text", "vectors", "text+vectors", "text>vectors")


def test_each_kind_is_measured_at_each_batch(small: Path) -> None:
    result = scoring.measure(BenchRequest(str(small), tracer=False)).figures
    names = [f"{kind}, batch {size}" for kind in KINDS for size in (1, 32, 256)]
    assert [figure.name for figure in result] == names
    for figure in result:
        assert figure.unit == "µs CPU/row"
        assert figure.value > 0
        assert figure.reference_value is not None
        assert figure.ratio == pytest.approx(figure.value / figure.reference_value, rel=1e-3)


def test_tracer_is_measured_gated_and_plain(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {f"{gate}, batch {size}": [float(size)] for gate in ("gated", "plain") for size in (1, 32, 256)}
    monkeypatch.setattr(RivalLibrary, "interpreter_if_wanted", lambda *_: (Path(sys.executable), ()))
    monkeypatch.setattr(rival, "ask", lambda *_: TracerReply((TracerFit(0.9, 1.0, "l2d", {}, costs),), None))
    result = scoring.measure(BenchRequest(str(small), only=("vectors",)))
    beside = {(figure.name, figure.reference): figure.reference_value for figure in result.figures}
    assert beside["vectors, batch 32", "TRACER 0.3.3, gated"] == 32.0
    assert beside["vectors, batch 256", "TRACER 0.3.3, plain"] == 256.0
    assert result.tables[0].rows[-1] == ("TRACER 0.3.3, plain", "1.0", "32.0", "256.0")
