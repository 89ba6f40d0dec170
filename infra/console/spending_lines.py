"""Sentences about today's spending on the teacher, and what was saved."""

from infra.serve.spending import DaySpending
from models.money import format_money
from schemas.call_limits import CallLimits

_KINDS = {"requests": "for requests", "audits": "for audits", "repeats": "asked twice"}


def spending_sentence(spent: DaySpending, limits: CallLimits, currency: str) -> str:
    """Calls, tokens and money of today, the limits of the day, and what the surrogate has saved."""
    counts = {words: spent.calls[name].calls for name, words in _KINDS.items()}
    counts["of workers that were killed"] = spent.lost_calls
    kinds = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
    parts = [
        f"{spent.all_calls:,}{_of(limits.calls_per_day)} calls{f' ({kinds})' if kinds else ''}",
        f"{spent.tokens:,}{_of(limits.tokens_per_day)} tokens",
    ]
    if spent.money or limits.money_per_day is not None:
        allowed = limits.money_per_day
        most = "" if allowed is None else f" of {format_money(allowed, currency)}"
        parts.append(f"{format_money(spent.money, currency)}{most}")
    saved = f", saved about {format_money(spent.saved_money, currency)}" if spent.saved_money else ""
    parts.append(f"{spent.answered:,} requests answered without a call{saved}")
    if spent.refits:
        parts.append(f"{spent.refits:,} refits in {spent.refit_seconds:,.0f} s")
    return "; ".join(parts)


def _of(allowed: int | None) -> str:
    return "" if allowed is None else f" of {allowed:,}"
