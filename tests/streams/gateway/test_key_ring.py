"""The keys that were read last hold while Redis has none that can be read, also after a restart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.api_keys import ApiKey
from streams.errors import StateUnavailable
from streams.gateway import key_copy
from streams.gateway.caller_check import CallerCheck
from streams.gateway.key_copy import KeyCopy
from streams.gateway.key_ring import KeyRing
from streams.gateway.keys import create_key
from streams.gateway.problems import HttpProblem

_, KEY = create_key("app", ("t",), "serve", 1)
DAY = 86_400


class _Store:
    def __init__(self) -> None:
        self.error: Exception | None = None
        self.keys = {KEY.id: KEY}

    async def all(self) -> Mapping[str, ApiKey]:
        if self.error is not None:
            raise self.error
        return self.keys


@pytest.mark.parametrize("error", [StateUnavailable("away"), msgspec.ValidationError("mode")])
async def test_keys_hold_until_others_can_be_read(error: Exception, tmp_path: Path) -> None:
    store: Any = _Store()
    store.error = error
    file = tmp_path / "keys" / "p.json"
    ring = KeyRing(store, 60.0, KeyCopy(file, DAY))
    await ring.refresh()
    assert ring.keys is None, "nobody knows whether there are keys"
    store.error = None
    await ring.refresh()
    store.error = error
    await ring.refresh()
    assert ring.keys == {KEY.id: KEY}
    restarted = KeyRing(store, 60.0, KeyCopy(file, DAY))
    await restarted.start()
    assert restarted.keys == {KEY.id: KEY}
    await restarted.stop()


async def test_a_redis_that_lost_its_keys_lets_nobody_in(tmp_path: Path) -> None:
    store: Any = _Store()
    store.keys = {}

    async def status() -> int:
        await ring.refresh()
        try:
            CallerCheck(True, lambda: ring.keys, (), lambda: ring.were_keys).admit({"host": "localhost"})
        except HttpProblem as problem:
            return problem.kind.status
        return 200

    ring = KeyRing(store, 60.0, KeyCopy(tmp_path / "keys.json", DAY))
    assert await status() == 200, "there never were any"
    store.keys = {KEY.id: KEY}
    assert await status() == 401
    store.keys = {}
    assert [await status(), await status()] == [401, 401]
    ring = KeyRing(store, 60.0, KeyCopy(tmp_path / "keys.json", DAY))
    assert await status() == 401, "nor after a restart"


@pytest.mark.parametrize("content", [b"{", b'{"at": 1, "keys": {}}', b'{"keys": {}}'])
async def test_a_copy_that_is_old_or_broken_opens_nothing(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    assert KeyCopy(file, DAY).read() is None


def test_a_revoked_key_leaves_the_copy_at_once(tmp_path: Path) -> None:
    copy = KeyCopy(tmp_path / "keys.json", DAY)
    copy.write({KEY.id: KEY})
    copy.write({})
    assert copy.read() == {}


@pytest.mark.parametrize(("seconds", "is_used"), [(0, True), (DAY - 1, True), (DAY, False), (-1, False)])
def test_a_copy_is_used_as_long_as_the_setting_says(
    seconds: int, is_used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10**12
    monkeypatch.setattr(key_copy, "unix_ms", lambda: now)
    copy = KeyCopy(tmp_path / "keys.json", DAY)
    copy.write({KEY.id: KEY})
    now += seconds * 1000
    assert (copy.read() is not None) == is_used
    assert copy.were_keys
