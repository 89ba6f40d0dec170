"""The keys that were read last hold while Redis has none that can be read."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from schemas.api_keys import ApiKey
from streams.errors import StateUnavailable
from streams.gateway.key_ring import KeyRing
from streams.gateway.keys import create_key

_, KEY = create_key("app", ("t",), "serve", 1)


class _Store:
    def __init__(self) -> None:
        self.error: Exception | None = None

    async def all(self) -> Mapping[str, ApiKey]:
        if self.error is not None:
            raise self.error
        return {KEY.id: KEY}


@pytest.mark.parametrize("error", [StateUnavailable("away"), msgspec.ValidationError("mode")])
async def test_keys_hold_until_others_can_be_read(error: Exception) -> None:
    store: Any = _Store()
    store.error = error
    ring = KeyRing(store, 60.0)
    await ring.refresh()
    assert ring.keys is None, "nobody knows whether there are keys"
    store.error = None
    await ring.refresh()
    store.error = error
    await ring.refresh()
    assert ring.keys == {KEY.id: KEY}
