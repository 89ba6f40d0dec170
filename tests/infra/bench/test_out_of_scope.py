import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.bench import out_of_scope
from infra.bench.corpora import read_banking77
from infra.bench.request import BenchRequest
from tests.infra import parcels


class Letters:
    """An encoder: which pairs of letters a text has."""

    id, dimension = "letters", 64

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for pair in pairwise(text):
                row[(7 * ord(pair[0]) + ord(pair[1])) % self.dimension] += 1
        return rows


@pytest.fixture
def both(small: Path, tmp_path: Path) -> Path:
    """Parcels to learn from, and something else in Snips' place."""
    shutil.copytree(small, tmp_path / "data")
    foreign = [{"text": f"Zwölf Boxkämpfer jagen {number}", "label": "chase"} for number in range(60)]
    parcels.write(tmp_path / "data" / "snips_train.jsonl", foreign[:40])
    parcels.write(tmp_path / "data" / "snips_test.jsonl", foreign[40:])
    return tmp_path / "data"


def test_out_of_scope_requests_are_deferred(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_scope, "open_encoder", lambda *_: Letters())
    result = out_of_scope.measure(BenchRequest(str(both), tracer=False))
    figures = {figure.name: figure for figure in result.figures}
    for kind in ("text", "vectors"):
        assert figures[f"{kind}, 0.9: out of scope, answered"].value == 0.0
        coverage = figures[f"{kind}, 0.9: coverage"]
        assert coverage.reference == "without the gate"
        assert 0.8 < coverage.value <= (coverage.reference_value or 0.0)
        assert 0.0 <= figures[f"{kind}, labels held out, 0.9: out of scope, answered"].value <= 1.0
    assert len(result.tables) == 2


def test_without_the_encoder_only_text_is_measured(
    both: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNDERSTUDY_TEST_ENCODERS", str(tmp_path))
    result = out_of_scope.measure(BenchRequest(str(both), tracer=True))
    assert [row[0] for row in result.tables[0].rows] == ["text"]
    assert any("no minilm-int8 in" in note for note in result.notes)


def test_labels_held_out_are_outside(small: Path) -> None:
    train, test = read_banking77(small, "train"), read_banking77(small, "test")
    rows = out_of_scope.held_out_rows(train, test, 15)
    inside, outside = set(rows.inside.labels), set(rows.outside.labels)
    assert (len(inside), len(outside)) == (2, 1)
    assert set(rows.train.labels) == inside
    assert len(rows.inside) + len(rows.outside) == len(test)
