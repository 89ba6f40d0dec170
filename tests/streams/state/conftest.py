"""A connection to the real Redis, and keys that no other test has."""

import secrets
from collections.abc import AsyncIterator

import pytest

from schemas.names import Keys
from streams.state.connection import Connection


@pytest.fixture
async def connection(redis_url: str) -> AsyncIterator[Connection]:
    connection = Connection(redis_url)
    yield connection
    await connection.aclose()


@pytest.fixture
def keys() -> Keys:
    return Keys(f"test-{secrets.token_hex(8)}")
