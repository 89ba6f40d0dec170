"""What the tiers of a cascade bring, as a sentence: shares answered, and what a text costs each in time."""

from collections.abc import Iterator, Sequence

from streams.spending.day_spending import DaySpending
from streams.spending.encoder_use import EncoderUse
from streams.status.tier_status import TierStatus


def tier_sentence(tiers: Sequence[TierStatus], spent: DaySpending) -> str | None:
    """What each tier adds, and what today's requests say of it; None where there is one tier.

    Args:
        spent: today, on the task.
    """
    if not tiers:
        return None
    return "; ".join([*_expected(tiers), *_today(tiers, spent)]) or None


def _expected(tiers: Sequence[TierStatus]) -> Iterator[str]:
    shares = [
        f"{tier.name} answers {tier.expected:.0%}" if place == 0 else f"{tier.name} {tier.expected:.0%} more"
        for place, tier in enumerate(tiers)
        if tier.expected is not None
    ]
    if shares:
        left = 1.0 - sum(tier.expected or 0.0 for tier in tiers)
        yield f"{', '.join(shares)}, the teacher the other {left:.0%}, as the fit has seen the requests"


def _today(tiers: Sequence[TierStatus], spent: DaySpending) -> Iterator[str]:
    used: dict[str, tuple[str, EncoderUse]] = {}
    for tier in tiers:
        if tier.encoder is not None and tier.encoder in spent.encoders:
            used.setdefault(tier.encoder, (tier.name, spent.encoders[tier.encoder]))
    if not used:
        return
    parts = [_use(name, use) for name, use in used.values()]
    if tiers[0].encoder is None:
        alone = max(0, spent.answered - sum(use.answered for _, use in used.values()))
        parts.insert(0, f"{tiers[0].name} has answered {alone:,}")
    yield f"today {', '.join(parts)}"
    if (milliseconds := spent.call_milliseconds) is not None:
        yield f"a call of the teacher takes {milliseconds:,.0f} ms"


def _use(name: str, use: EncoderUse) -> str:
    took = "" if use.milliseconds is None else f" at {use.milliseconds:,.3g} ms a text"
    return f"{name} {use.answered:,} of {use.texts:,} that it read{took}"
