"""The table of what-if shows no amount that nobody knows, and says why nothing is answered."""

import pytest

from infra.console.what_if_table import print_what_if
from models.forecast.forecast import Assumptions
from models.what_if import TargetEstimate
from streams.status.what_if import WhatIf

NONE = TargetEstimate(0.9, 0.0, None, None, 0.0, None, None, None, None, ())


def test_an_unknown_price_shows_no_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assumed = Assumptions(1000.0, 0.0, 0.05, 0.05)
    print_what_if(WhatIf("shop", "v1", 0.9, assumed, (NONE,), False, "the task is paused"), "USD")
    told = capsys.readouterr().out
    assert "0.9 *" in told
    assert "$" not in told
    assert "give --price-a-call" in told
    assert "the task is paused" in told
