"""What one more tier would bring, for people: a row for each target, then whether it pays."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from models.money import currency_prefix
from models.tier_gain import TargetGain, TierGain


def print_tier(console: Console, gain: TierGain, price_a_call: float, currency: str) -> None:
    """Print a gain; `price_a_call` of the teacher is in this currency."""
    opening = (
        f"{gain.tier} as one more tier, on {gain.requests:,} requests, {gain.milliseconds:.1f} ms a text"
    )
    console.print(f"\n{opening}", markup=False, soft_wrap=True)
    if gain.targets:
        console.print(_table(gain))
    for sentence in _verdict(gain, price_a_call, currency):
        console.print(sentence, markup=False, soft_wrap=True)


def _table(gain: TierGain) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("target", "without", "with", "gain", "95 % bounds"):
        table.add_column(heading, justify="right")
    for one in gain.targets:
        table.add_row(
            f"{one.target:g}",
            f"{one.without:.3f}",
            f"{one.with_tier:.3f}",
            f"{one.with_tier - one.without:+.3f}",
            f"{one.low:+.3f} to {one.high:+.3f}",
        )
    return table


def _verdict(gain: TierGain, price_a_call: float, currency: str) -> Iterator[str]:
    yield from (f"nothing to compare: {reason}" for reason in gain.refused)
    if not gain.targets:
        return
    yield f"accuracy {gain.accuracy_without:.3f} without, {gain.accuracy_with:.3f} with, out of fold"
    yield from (_target_verdict(one, price_a_call, currency) for one in gain.targets)
    yield "shares are those that these requests' own best threshold answers; a fit's gate asks for more"


def _target_verdict(one: TargetGain, price_a_call: float, currency: str) -> str:
    if one.is_loss:
        return f"{one.target:g}: less is answered with it; leave it out"
    if not one.is_shown:
        return f"{one.target:g}: no gain is shown; try more requests, or leave it out"
    price = f"{currency_prefix(currency)}{one.break_even * price_a_call:.2g}"
    return f"{one.target:g}: it pays where reading a text costs less than {price}"
