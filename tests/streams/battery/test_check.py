"""A battery that can't be run keeps a version from going live, and ends no process."""

from typing import Any

import pytest

from models.artifact import Artifact
from schemas.battery import BatteryCase
from schemas.config import Config
from streams.battery import check


class Panic(BaseException):
    """As a package in Rust raises it."""


class Store:
    """Has one case."""

    async def cases(self, _: str) -> list[BatteryCase]:
        return [BatteryCase("c", "text", label="yes")]


async def test_a_panic_refuses_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*_: Any) -> None:
        raise Panic("index out of bounds")

    monkeypatch.setattr(check, "_results", panic)
    store: Any = Store()
    failure = await check.battery_failure(store, "t", Config(), Artifact(b"manifest", b"graph"))
    assert failure is not None
    assert "could not be run, so it does not go live now: Panic: index out of bounds" in failure
