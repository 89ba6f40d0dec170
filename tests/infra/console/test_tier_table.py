"""What one more tier would bring is said in words: a gain with its price, a loss, or neither."""

from io import StringIO

import pytest
from rich.console import Console

from infra.console.tier_table import print_tier
from models.money import CURRENCY
from models.tier_gain import TargetGain, TierGain


@pytest.mark.parametrize(
    ("with_tier", "low", "high", "says"),
    [
        (0.75, 0.2, 0.3, "0.9: it pays where reading a text costs less than $0.0005"),
        (0.52, -0.01, 0.05, "0.9: no gain is shown"),
        (0.3, -0.25, -0.15, "0.9: less is answered with it; leave it out"),
    ],
)
def test_each_target_has_a_verdict(with_tier: float, low: float, high: float, says: str) -> None:
    printed = StringIO()
    gain = TierGain("probe:x", 200, 12.0, 0.8, 0.9, (TargetGain(0.9, 0.5, with_tier, low, high, read=0.5),))
    print_tier(Console(file=printed, width=120), gain, 0.001, CURRENCY)
    assert says in printed.getvalue()
    assert "probe:x as one more tier, on 200 requests, 12.0 ms a text" in printed.getvalue()
