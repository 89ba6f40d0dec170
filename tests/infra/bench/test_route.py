from pathlib import Path

import numpy as np
import pytest

from infra.bench import cpu
from infra.bench.kinds import KINDS, FeatureKind
from infra.bench.request import BenchRequest
from infra.bench.route.measure import figures, measure
from infra.bench.route.meter import Mark, Pace
from infra.bench.route.workload import generated_corpus, repeat_requests, routing_corpus
from infra.errors import MissingLibrary
from schemas.codec import REQUEST
from schemas.vectors import decode_vector


def test_pace_is_measured_between_two_marks() -> None:
    result = Pace.between(Mark(10.0, 2.0, 30_000), Mark(12.0, 3.5, 130_000))
    assert (result.rate, result.cpu) == (50_000.0, pytest.approx(15.0))


def test_each_reference_has_a_rate_and_a_cost() -> None:
    worker = [Pace(90.0, 3.0), Pace(10.0, 9.0), Pace(60.0, 4.0)]
    result = figures("text", worker, {"bare": [Pace(120.0, 2.0)] * 3, "stock": [Pace(3.0, 400.0)] * 3})
    assert [(each.name, each.value, each.reference, each.ratio) for each in result] == [
        ("text: routed", 60.0, "bare", 0.5),
        ("text: cost", 4.0, "bare", 2.0),
        ("text: routed", 60.0, "stock", 20.0),
        ("text: cost", 4.0, "stock", 0.01),
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_repeated_rows_get_new_ids(kind: FeatureKind) -> None:
    data = generated_corpus(traces=30, requests=20).requests
    result = [REQUEST.decode(REQUEST.encode(each)) for each in repeat_requests(kind, data, 45)]
    assert len({each.id for each in result}) == 45
    for each, row in zip(result, [*range(20), *range(20), *range(5)], strict=True):
        if kind.embedder == "text":
            assert (each.text, each.embedding) == (data.rows.texts[row], None)
        else:
            assert each.text is None
            np.testing.assert_array_equal(decode_vector(each.embedding, 384), data.rows.embeddings[row])


def test_without_banking77_data_is_generated(tmp_path: Path) -> None:
    result = routing_corpus(tmp_path)
    assert result.name == "generated data"
    assert len(result.traces.labels) == len(result.traces.rows)
    assert set(result.requests.labels) <= set(result.traces.labels)


def test_without_psutil_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "psutil", None)
    with pytest.raises(MissingLibrary, match=r"psutil .* pip install 'understudy\[bench\]'"):
        measure(BenchRequest())
