"""The servers that tests run on: one real Apache Kafka and one real Redis a session, or those named by

- `UNDERSTUDY_TEST_KAFKA`: bootstrap servers of a running Kafka,
- `UNDERSTUDY_TEST_REDIS`: URL of a running Redis (its keys are the tests' to use),
- `UNDERSTUDY_TEST_DATA`: the folder with Banking77; otherwise `../shared/data` beside the project,
- `UNDERSTUDY_TEST_ENCODERS`: the folder with real encoders; otherwise `../shared/encoders` likewise.

A test that asks for one of the servers, or that lives in `tests/system`, is marked `system`. Where a
server can't run, such tests are skipped with the reason, and fail with it where `CI` is set. There,
hypothesis draws the same examples every time: a new failure is found where somebody can look at it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from infra.local.apache_kafka import ApacheKafka
from infra.local.embedded_redis import EmbeddedRedis
from infra.local.errors import LocalServerError

# Before anything loads OpenMP or OpenBLAS: tests run side by side, and threads that spin slow the others.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Brokers live for a minute or some: Java's second compiler would take more time than it saves.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

_ROOT = Path(__file__).parents[1]
_SYSTEM_TESTS = Path(__file__).with_name("system")
_SERVERS = {"kafka", "redis_url"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SYSTEM_TESTS in item.path.parents or _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("system")


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Apache Kafka; topics are not made automatically."""
    if given := os.environ.get("UNDERSTUDY_TEST_KAFKA"):
        yield given
        return
    try:
        broker = ApacheKafka()
    except LocalServerError as problem:
        _unavailable(problem)
    with broker:
        yield broker.bootstrap_servers


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """URL of a real Redis server, empty at the start of the session."""
    if given := os.environ.get("UNDERSTUDY_TEST_REDIS"):
        yield given
        return
    try:
        server = EmbeddedRedis()
    except LocalServerError as problem:
        _unavailable(problem)
    with server:
        yield server.url


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with `banking77_{train,test}.jsonl` and their vectors; skips where it is absent."""
    folder = Path(os.environ.get("UNDERSTUDY_TEST_DATA", _ROOT.parent / "shared" / "data"))
    if not (folder / "banking77_train.jsonl").is_file():
        pytest.skip(f"no Banking77 in {folder}: set UNDERSTUDY_TEST_DATA to the folder that has it")
    return folder


def _unavailable(problem: LocalServerError) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(str(problem), pytrace=False)
    pytest.skip(str(problem))
