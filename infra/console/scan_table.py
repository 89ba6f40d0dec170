"""What scan found, for people: a table of targets, then what it rests on."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from models.forecast.forecast import Assumptions, Forecast
from models.forecast.learning_curve import MoreTraces
from models.money import currency_prefix, format_money
from models.scan import Scan

UNKNOWN = "?"
NARROWEST = 80


def print_scan(found: Scan, currency: str) -> None:
    console = Console(highlight=False, width=max(NARROWEST, Console().width))
    for sentence in _opening(found):
        console.print(sentence, markup=False, soft_wrap=True)
    console.print(_table(found, currency))
    for sentence in (*_hindrances(found), *_growth(found), *_basis(found.assumptions, currency)):
        console.print(sentence, markup=False, soft_wrap=True)


def _opening(found: Scan) -> Iterator[str]:
    again = found.traces - found.requests
    asked = f", {again:,} of them to a request that was answered otherwise before" if again else ""
    yield f"{found.traces:,} answers{asked}; {found.sampled:,} sampled requests, {found.labels:,} labels"
    yield f"{found.surrogate}, agrees on {found.accuracy:.3f} of all out of fold; {found.seconds:.1f} s"
    noise = found.noise
    if noise is None:
        yield "too few requests are repeated to tell how steady the teacher is"
    else:
        yield (
            f"asked the same or nearly the same, the teacher gave two labels in {noise.contradictions:,} of "
            f"{noise.pairs:,} cases: about {noise.ceiling:.3f} of its answers can be foretold, "
            f"{noise.high:.3f} at most"
        )


def _table(found: Scan, currency: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("target", "answered", "95 % bounds", "agrees", "at 2x traces", "audits", "days"):
        table.add_column(heading, justify="right")
    table.add_column("saved/day", justify="right")
    for prospect in found.targets:
        table.add_row(*_row(prospect, currency))
    return table


def _row(found: Forecast, currency: str) -> tuple[str, ...]:
    if not found.coverage:
        return f"{found.target:g}", "none", f"{found.low:.2f}-{found.high:.2f}", *["-"] * 5
    return (
        f"{found.target:g}",
        f"{found.coverage:.3f}",
        f"{found.low:.2f}-{found.high:.2f}",
        "-" if found.agreement is None else f"{found.agreement:.3f}",
        UNKNOWN if found.doubled is None else "{:.2f}-{:.2f}".format(*found.doubled),
        UNKNOWN if found.audits is None else f"{found.audits:,}",
        UNKNOWN if found.days is None else f"{found.days:.1f}",
        format_money(found.saved_a_day, currency),
    )


def _hindrances(found: Scan) -> Iterator[str]:
    for prospect in found.targets:
        yield from (f"refused: {reason}" for reason in prospect.refused)
        if prospect.more is not None:
            yield f"         {_help(prospect.more)}"


def _help(more: MoreTraces) -> str:
    most = "no end that can be told" if more.most is None else f"{more.most:,}"
    return (
        f"more traces that it would take if errors go on falling as they did: from {more.least:,} to {most}"
    )


def _growth(found: Scan) -> Iterator[str]:
    if len(found.curve) < 2:
        return
    yield "answered by number of traces:"
    for target in found.targets:
        steps = (
            f"{part.coverage.get(f'{target.target:g}', 0.0):.2f} of {part.traces:,}" for part in found.curve
        )
        yield f"  {target.target:g}: {', '.join(steps)}"


def _basis(assumed: Assumptions, currency: str) -> Iterator[str]:
    yield (
        f"assumed: {assumed.requests_a_day:,g} requests a day, "
        f"{currency_prefix(currency)}{assumed.price_a_call:g} a call, "
        f"{assumed.audit_rate:g} of them audited, delta {assumed.delta:g}; the surrogate costs nothing"
    )
    yield (
        "agreement is with the teacher, on average, on traffic like the sampled requests; after so many "
        f"audits half of such policies are proven live; {UNKNOWN} can't be told"
    )
