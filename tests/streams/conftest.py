"""A real policy, fitted in a moment, and a real Redis, with keys that no other test has.

Hypothesis has no deadlines: no test has a clock in it.
"""

import secrets
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import settings

from models.artifact import Artifact
from models.features import Features
from models.fit import TrainingSet, fit
from schemas.redis_keys import Keys
from streams.state.connection import Connection

settings.register_profile("untimed", deadline=None, max_examples=60)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    """Fitted on 300 noisy vectors of length 4, of which the larger of the first two numbers is the label."""
    random = np.random.default_rng(7)
    yes = random.integers(0, 2, 300).astype(bool)
    centres = np.where(yes[:, None], [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0])
    vectors = (centres + 0.25 * random.normal(size=(300, 4))).astype(np.float32)
    training = TrainingSet(
        Features(embeddings=vectors), ["yes" if one else "no" for one in yes], np.ones(300, dtype=np.bool_)
    )
    found = fit(training, task="t", version="v1", embedder="precomputed", targets=(0.95,)).artifact
    assert found is not None
    return found


@pytest.fixture
async def connection(redis_url: str) -> AsyncIterator[Connection]:
    connection = Connection(redis_url)
    yield connection
    await connection.aclose()


@pytest.fixture
def keys() -> Keys:
    return Keys(f"test-{secrets.token_hex(8)}")
