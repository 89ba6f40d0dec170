"""What `battery` prints as JSON can be added again as it is."""

import json
from typing import Any

import pytest

from infra.commands import battery
from schemas.battery import BatteryCase, decode_case


def test_cases_are_listed_as_they_were_added(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = BatteryCase("reset", "I sent password=hunter22 to https://h/?token=a1, help", None, "reset")

    def listed(*_: Any) -> list[BatteryCase]:
        return [case]

    monkeypatch.setattr(battery, "with_registry", listed)
    battery.battery_list("shop", json=True)
    (shown,) = json.loads(capsys.readouterr().out)["cases"]
    assert decode_case(json.dumps(shown)) == case
