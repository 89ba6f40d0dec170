"""Table of `what-if` for people: a row for each target, then what it rests on."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from models.money import currency_prefix, format_money
from models.what_if import TargetEstimate
from streams.status.sentences import named_labels
from streams.status.what_if import WhatIf

NARROWEST = 90


def print_what_if(found: WhatIf, currency: str) -> None:
    console = Console(highlight=False, width=max(NARROWEST, Console().width))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("target", "answered", "cost/day", "saved/day", "audits/day", "audits until proven", "days"):
        table.add_column(name, justify="right", no_wrap=True)
    for outcome in found.outcomes:
        table.add_row(*_cells(outcome, found.target, currency))
    console.print(table)
    for sentence in (*_labels(found), *_basis(found, currency)):
        console.print(sentence, markup=False, soft_wrap=True)


def _cells(outcome: TargetEstimate, in_force: float, currency: str) -> tuple[str, ...]:
    now = " *" if abs(outcome.target - in_force) < 1e-9 else "  "
    ahead = outcome.ahead
    return (
        f"{outcome.target:g}{now}",
        f"{outcome.coverage:.1%}" if outcome.coverage else "none",
        _money(outcome.cost_a_day, currency),
        _money(outcome.saved_a_day, currency),
        f"{outcome.audits_a_day:,.0f}",
        "-" if ahead is None else _span(ahead.least, ahead.likely, ahead.most, ",.0f"),
        "-" if ahead is None else _span(outcome.least_days, outcome.days, outcome.most_days, ",.1f"),
    )


def _money(amount: float | None, currency: str) -> str:
    return "?" if amount is None else format_money(amount, currency)


def _span(least: float | None, likely: float | None, most: float | None, digits: str) -> str:
    """`130 (60-420)`, with `?` for what nobody can say."""
    shown = ["?" if one is None else format(one, digits) for one in (likely, least, most)]
    return "{} ({}-{})".format(*shown)


def _labels(found: WhatIf) -> Iterator[str]:
    for outcome in found.outcomes:
        labels = outcome.unanswered
        if outcome.coverage and labels:
            yield f"never answered at {outcome.target:g}, or above: {named_labels(labels)}"
            return


def _basis(found: WhatIf, currency: str) -> Iterator[str]:
    assumed = found.assumptions
    price = f"{currency_prefix(currency)}{assumed.price_a_call:g}" if found.knows_price else "unknown price"
    if found.held:
        yield found.held
    if not found.knows_price:
        yield "nobody knows what a call costs: give --price-a-call, or set `teacher.price` (0 is a price)"
    yield (
        f"{found.version} of {found.task}; * in force; {assumed.requests_a_day:,.0f} requests a day, "
        f"{price} a call, {assumed.audit_rate:g} of them audited"
    )
    yield (
        "estimates: coverage is the gate's; audits go on from those so far, at the agreement that they or "
        "the gate's traces show; in brackets four fifths of the cases; ? is not known"
    )
