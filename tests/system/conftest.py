"""A deployment for each test, on the session's servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.deployment import Deployment


@pytest.fixture
def deployment(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(kafka, redis_url, tmp_path)
    made.create_topics()
    try:
        yield made
    finally:
        for worker in made.workers:
            if worker.process.poll() is None:
                worker.kill()
