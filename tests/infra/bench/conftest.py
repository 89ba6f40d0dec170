from pathlib import Path

import numpy as np
import pytest

from tests.infra import parcels


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with benchmark data, but little of it."""
    folder = tmp_path_factory.mktemp("data")
    for seed, (name, count) in enumerate({"train": 600, "test": 100}.items()):
        rows = parcels.traces(count, seed)
        parcels.write(folder / f"banking77_{name}.jsonl", rows)
        np.save(folder / f"banking77_{name}.minilm.f16.npy", parcels.vectors(rows, seed))
    return folder
