from pathlib import Path

import numpy as np
import pytest

from infra.bench import fit
from infra.errors import MissingData
from tests.infra import parcels


def test_hindsight_finds_the_widest_threshold_that_keeps_the_target() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.0], dtype=np.float32)
    agrees = np.array([True, False, True, True, True])
    assert fit.hindsight(scores, agrees, 0.75) == 0.8
    assert fit.hindsight(scores, agrees, 0.8) == 0.2
    assert fit.hindsight(scores, ~agrees, 0.99) == 0.0


def test_hindsight_answers_ties_together() -> None:
    scores = np.array([0.5, 0.5, 0.5, 0.5], dtype=np.float32)
    assert fit.hindsight(scores, np.array([True, True, True, False]), 0.9) == 0.0


def test_too_few_rows_are_missing_data(small: Path, tmp_path: Path) -> None:
    for file in small.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = parcels.traces(10)
    parcels.write(tmp_path / "banking77_train.jsonl", rows)
    np.save(tmp_path / "banking77_train.minilm.f16.npy", parcels.vectors(rows))
    with pytest.raises(MissingData, match="sampled traces"):
        fit.measure(tmp_path, 3)
