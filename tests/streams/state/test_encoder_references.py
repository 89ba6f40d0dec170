"""The first reference vectors of an encoder stay, until they are forgotten."""

import numpy as np
import pytest

from models.embedders.reference import TEXTS, change_between
from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.encoder_references import EncoderReferences

FIRST, LATER = (np.full((len(TEXTS), 4), value, dtype=np.float32) for value in (1.5, -1.0))


@pytest.fixture
def references(connection: Connection, keys: Keys) -> EncoderReferences:
    return EncoderReferences(connection, keys)


async def test_what_came_first_stays_until_it_is_forgotten(references: EncoderReferences) -> None:
    assert (await references.first("probe:m", FIRST)).tolist() == FIRST.tolist()
    assert (await references.first("probe:m", LATER)).tolist() == FIRST.tolist()
    assert (await references.first("probe:other", LATER)).tolist() == LATER.tolist()
    assert await references.dimensions() == {"probe:m": 4, "probe:other": 4}
    assert (await references.forget("probe:m"), await references.forget("probe:m")) == (True, False)
    assert (await references.first("probe:m", LATER)).tolist() == LATER.tolist()


@pytest.mark.parametrize("stored", [b"", b"x", b"\0" * 13, b"\xff" * 100])
async def test_vectors_that_can_t_be_read_are_no_encoder_s(
    references: EncoderReferences, connection: Connection, keys: Keys, stored: bytes
) -> None:
    with connection.client() as redis:
        await redis.hset(keys.encoder_references, "probe:m", stored)
    assert change_between(await references.first("probe:m", FIRST), FIRST) is not None
