"""Sentences about today's spending on the teacher, and what was saved."""

from models.money import format_money
from schemas.call_limits import CallLimits
from streams.spending.day_spending import DaySpending
from streams.wording import by_count, counted, counted_of

_FEW = 20
"""Replies of which nothing can be said yet."""
_LARGE = 0.02
"""Share of replies without a label that may bend what the gate says by as much."""
_KINDS = {"requests": "for requests", "audits": "for audits", "repeats": "asked twice"}


def spending_sentence(spent: DaySpending, limits: CallLimits, currency: str) -> str:
    """Calls, tokens and money of today, the limits of the day, and what the surrogate has saved."""
    counts = {words: spent.calls[name].calls for name, words in _KINDS.items()}
    counts["of workers that were killed"] = spent.lost_calls
    kinds = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
    parts = [
        counted_of(spent.all_calls, limits.calls_per_day, "call") + (f" ({kinds})" if kinds else ""),
        counted_of(spent.tokens, limits.tokens_per_day, "token"),
    ]
    if spent.money or limits.money_per_day is not None:
        allowed = limits.money_per_day
        most = "" if allowed is None else f" of {format_money(allowed, currency)}"
        parts.append(f"{format_money(spent.money, currency)}{most}")
    saved = f", saved about {format_money(spent.saved_money, currency)}" if spent.saved_money else ""
    parts.append(f"{counted(spent.answered, 'request')} answered without a call{saved}")
    if spent.apps.calls:
        money = f", {format_money(spent.apps.money, currency)}" if spent.apps.money else ""
        parts.append(
            f"apps' own {counted(spent.apps.calls, 'call')}: {counted(spent.apps.tokens, 'token')}{money}"
        )
    if spent.refits:
        parts.append(f"{counted(spent.refits, 'refit')} in {spent.refit_seconds:,.0f} s")
    return "; ".join(parts)


def replies_sentence(spent: DaySpending) -> str | None:
    """How many replies to apps say no label; None where all of today's do, or there were none."""
    unread, replies = spent.replies_unread, spent.replies_unread + spent.replies_read
    if not unread:
        return None
    sentence = (
        f"{unread:,} of today's {replies:,} {by_count(replies, 'reply', 'replies')} of the LLM to apps "
        f"{by_count(unread, 'says', 'say')} no label "
        f"({unread / replies:.1%}), and no trace holds their requests"
    )
    if replies < _FEW or unread / replies < _LARGE:
        return sentence
    return (
        f"warning: {sentence}: the gate does not speak for requests like these; set `chat.label` or "
        "`chat.field` so that they can be read (the gateway's log quotes some), or keep them out of the task"
    )
