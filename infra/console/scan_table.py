"""Table of scan for people: a row for each target, then the reasons and the assumptions."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from infra.console.tables import repeats_sentence
from infra.console.tier_table import print_tier
from models.forecast.forecast import Assumptions, Forecast
from models.forecast.learning_curve import MoreTraces
from models.money import currency_prefix, format_money
from models.scan import Scan

UNKNOWN = "?"
NARROWEST = 80


def print_scan(scan: Scan, currency: str) -> None:
    console = Console(highlight=False, width=max(NARROWEST, Console().width))
    for sentence in _opening(scan):
        console.print(sentence, markup=False, soft_wrap=True)
    console.print(_table(scan, currency))
    for sentence in (*_refusals(scan), *_growth(scan), *_basis(scan.assumptions, currency)):
        console.print(sentence, markup=False, soft_wrap=True)
    if scan.tier is not None:
        print_tier(console, scan.tier, scan.assumptions.price_a_call, currency)


def _opening(scan: Scan) -> Iterator[str]:
    again = scan.traces - scan.requests
    asked = f", {again:,} of them to a request that had another label before" if again else ""
    yield f"{scan.traces:,} answers{asked}; {scan.sampled:,} sampled requests, {scan.labels:,} labels"
    if scan.repeated:
        yield repeats_sentence(scan.repeated)
    yield f"{scan.surrogate}, accuracy {scan.accuracy:.3f} out of fold; {scan.seconds:.1f} s"
    noise = scan.noise
    if noise is None:
        yield "too few requests are repeated to estimate how often the teacher contradicts itself"
    else:
        yield (
            f"asked the same or nearly the same, the teacher gave two labels in {noise.contradictions:,} of "
            f"{noise.pairs:,} cases: no surrogate that answers everything agrees with more than about "
            f"{noise.ceiling:.3f}, {noise.high:.3f} at most"
        )


def _table(scan: Scan, currency: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("target", "coverage", "95 % bounds", "agreement", "at 2x traces", "audits", "days"):
        table.add_column(heading, justify="right")
    table.add_column("saved/day", justify="right")
    for forecast in scan.targets:
        table.add_row(*_row(forecast, currency))
    return table


def _row(forecast: Forecast, currency: str) -> tuple[str, ...]:
    if not forecast.coverage:
        return f"{forecast.target:g}", "none", f"{forecast.low:.2f}-{forecast.high:.2f}", *["-"] * 5
    return (
        f"{forecast.target:g}",
        f"{forecast.coverage:.3f}",
        f"{forecast.low:.2f}-{forecast.high:.2f}",
        "-" if forecast.agreement is None else f"{forecast.agreement:.3f}",
        UNKNOWN if forecast.doubled is None else "{:.2f}-{:.2f}".format(*forecast.doubled),
        UNKNOWN if forecast.audits is None else f"{forecast.audits:,}",
        UNKNOWN if forecast.days is None else f"{forecast.days:.1f}",
        format_money(forecast.saved_a_day, currency),
    )


def _refusals(scan: Scan) -> Iterator[str]:
    told: set[str] = set()
    for forecast in scan.targets:
        yield from (f"refused: {reason}" for reason in forecast.refused if reason not in told)
        told.update(forecast.refused)
        if forecast.more is not None:
            yield f"         {_help(forecast.more)}"


def _help(more: MoreTraces) -> str:
    most = "an unknown number" if more.most is None else f"{more.most:,}"
    return f"estimate if errors keep falling as they did: {more.least:,} to {most} more traces"


def _growth(scan: Scan) -> Iterator[str]:
    if len(scan.curve) < 2:
        return
    yield "coverage by number of traces:"
    for target in scan.targets:
        steps = (
            f"{part.coverage.get(f'{target.target:g}', 0.0):.2f} after {part.traces:,}" for part in scan.curve
        )
        yield f"  {target.target:g}: {', '.join(steps)}"


def _basis(assumed: Assumptions, currency: str) -> Iterator[str]:
    yield (
        f"assumed: {assumed.requests_a_day:,g} requests a day, "
        f"{currency_prefix(currency)}{assumed.price_a_call:g} a call, "
        f"{assumed.audit_rate:g} of them audited, delta {assumed.delta:g}; the surrogate costs nothing"
    )
    yield (
        "agreement is with the teacher, on average, on traffic like the sampled requests; after that many "
        f"audits half of such policies are certified; {UNKNOWN} is not known"
    )
