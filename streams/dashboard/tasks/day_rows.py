"""Days of a task: what was answered without a call on each, what the teacher has cost, and what was saved."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from schemas.call_limits import Price
from streams.spending.cost import CallKind
from streams.spending.day_spending import day_spending
from streams.state.spending import DAY


class DayRow(Struct, frozen=True):
    """One day of UTC.

    Attributes:
        at: its begin, Unix milliseconds.
        answered: requests that the surrogate has answered.
        asked: requests that the teacher was called for, by the teacher role or by apps through the gateway.
        checks: calls for audits and second questions, which no client waits for.
        coverage: answered ones of both; None without any.
        money: of all calls; 0 where there is no price.
        saved: answered ones, at the mean price of a call of that day.
    """

    at: int
    answered: int
    asked: int
    checks: int
    coverage: float | None
    money: float
    saved: float


class DaysView(Struct, frozen=True):
    """Attributes:
    at: when it was read.
    days: those since the first with any request, oldest first; nothing is kept for longer than 35.
    has_price: the config says what a call costs; without it no money is known.
    """

    at: int
    days: Sequence[DayRow]
    has_price: bool


def days_view(days: Iterable[tuple[int, Mapping[str, float]]], price: Price, at: int) -> DaysView:
    """Args:
    days: each day since 1970 with its amounts, oldest first.
    """
    rows = [_row(day, amounts) for day, amounts in days]
    first = next((place for place, row in enumerate(rows) if row.answered or row.asked), len(rows))
    return DaysView(at, rows[first:], price.is_known)


def _row(day: int, amounts: Mapping[str, float]) -> DayRow:
    spent = day_spending(amounts)
    asked = spent.calls[CallKind.REQUESTS].calls + spent.apps.calls
    checks = spent.calls[CallKind.AUDITS].calls + spent.calls[CallKind.REPEATS].calls
    handled = spent.answered + asked
    return DayRow(
        day * DAY * 1_000,
        spent.answered,
        asked,
        checks,
        spent.answered / handled if handled else None,
        spent.money + spent.apps.money,
        spent.saved_money,
    )
