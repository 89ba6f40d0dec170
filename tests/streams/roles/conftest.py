"""A certifier's deployment for each test."""

from collections.abc import AsyncIterator

import pytest

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from tests.streams.roles.certifying import Deployment


@pytest.fixture
async def deployment(connection: Connection, keys: Keys) -> AsyncIterator[Deployment]:
    deployed = Deployment(connection, keys)
    deployed.configure(audit_rate=1.0)
    yield deployed
    await deployed.restore({})
