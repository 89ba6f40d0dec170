from pathlib import Path

import numpy as np
import pytest

from infra.bench import draws, growth
from infra.bench.corpora import read_banking77
from infra.bench.request import BenchRequest


def test_grown_rows_are_near_their_originals(small: Path) -> None:
    train = read_banking77(small, "train")
    rows = draws.grown(train, 2_000, seed=1)
    assert rows.rows.texts is not None
    assert rows.rows.embeddings is not None
    kept = set(train.rows.texts or [])
    assert sum(text in kept for text in rows.rows.texts) < 20
    assert len(np.unique(rows.rows.embeddings, axis=0)) == 2_000
    plain = draws.grown(train.take(range(1)), 500, seed=1).rows.embeddings
    first = read_banking77(small, "train").vectors.embeddings
    assert plain is not None
    assert first is not None
    cosines = plain @ first[0] / np.linalg.norm(plain, axis=1) / np.linalg.norm(first[0])
    assert 0.93 < cosines.mean() < 0.98


def test_growth_is_measured_cold_and_warm(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SIZES", (300, 600, 900, 5_000))
    result = growth.measure(BenchRequest(str(small), only=("vectors",), most=1_000))
    assert [row[0] for row in result.tables[0].rows] == ["vectors, 300", "vectors, 600", "vectors, 900"]
    figures = {figure.name: figure for figure in result.figures}
    assert figures["vectors, 900 traces: warm fit"].reference_value == (
        figures["vectors, 900 traces: cold fit"].value
    )
    assert figures["vectors, 300 traces: peak memory"].value > 50
    assert [row[0] for row in result.tables[1].rows] == [row[0] for row in result.tables[0].rows]
    assert figures["vectors, 900 traces: memory of a trainer's window"].value > 50
    assert figures["vectors: warm fit, from 300 to 900 traces"].reference_value == 3.0
