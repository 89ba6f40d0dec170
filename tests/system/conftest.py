"""A deployment for each test, on the session's servers."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.deployment import Deployment


@pytest.fixture
def deployment(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with closing(Deployment(kafka, redis_url, tmp_path)) as made:
        made.create_topics()
        yield made
