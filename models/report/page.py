"""Page of a report: one HTML file that loads nothing, and runs no script but its own.

Texts and labels are untrusted input. They reach the page escaped and never as a script's source;
the page's policy (CSP) names its own scripts by their hashes and forbids every connection.
"""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from models.money import currency_prefix, format_money
from models.report.breakdown import percentages
from models.report.content import Content
from models.report.disagreements import MOST
from models.report.examples import LONGEST_LABEL, shorten
from models.report.flow import Flow

_FOLDER = Path(__file__).parent
_CHARTS, _OWN = "vendor/echarts.js", ("charts.js", "page.js")
SPACE = "\N{NO-BREAK SPACE}"


def page(content: Content) -> str:
    """A whole HTML document."""
    scripts = [_source(_CHARTS), "\n".join(_source(name) for name in _OWN)]
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            content=content,
            figures=_figures(content),
            style=Markup(_source("page.css")),  # noqa: S704 - ours
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - ours and the vendored library
            policy=_policy(scripts),
            most_disagreements=MOST,
        )
    )


def percent(share: float, digits: int = 1) -> str:
    """`97.4 %`; what is not quite nothing or everything never looks as if it were."""
    shown = f"{share * 100:.{digits}f}"
    if 0.0 < share < 1.0 and float(shown) in (0.0, 100.0):
        edge = 10.0**-digits
        shown = f"<{edge:.{digits}f}" if share < 0.5 else f">{100 - edge:.{digits}f}"
    return f"{shown}{SPACE}%"


def target(share: float) -> str:
    """`95 %`, with as many digits as it was given."""
    return f"{share * 100:.6g}{SPACE}%"


def count(number: float) -> str:
    """`10,003`."""
    return f"{number:,.0f}"


def moment(milliseconds: int) -> str:
    """Unix milliseconds as `24 Nov 2026, 06:10 UTC`."""
    then = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{then.day} {then:%b %Y, %H:%M} UTC"


def label(name: str) -> str:
    """A label, cut where it is long."""
    return shorten(name, LONGEST_LABEL)


def breakable(name: str) -> Markup:
    """A label with marks where a browser may break it."""
    return Markup(escape(name).replace("_", Markup("_<wbr>")))  # noqa: S704 - escaped the line before


def score(value: float) -> str:
    """`0.993`; what is below 1 never looks like 1."""
    shown = f"{value:.3f}"
    return ">0.999" if value < 1.0 and shown == "1.000" else shown


def place(share: float) -> float:
    """Place of a share on a scale from .5 to 1, in percent of its length."""
    return round(min(max((share - 0.5) * 200.0, 0.0), 100.0), 1)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (percent, target, count, moment, label, breakable, score, place, percentages, format_money)
    environment.filters |= {each.__name__: each for each in filters}
    return environment


def _figures(content: Content) -> dict[str, Any]:
    """Figures for the charts: numbers, and no text of a trace, which a tooltip could take for markup."""
    return {
        "flow": msgspec.to_builtins(content.flow),
        "flow_parts": None if content.flow is None else _flow_parts(content.flow),
        "frontier": msgspec.to_builtins(content.frontier),
        "point": msgspec.to_builtins(content.point),
        "reliability": msgspec.to_builtins(content.reliability),
        "curve": msgspec.to_builtins(content.curve),
        "asked": [each.target for each in content.asked],
        "ceiling": None if content.noise is None else content.noise.ceiling,
        "cost": msgspec.to_builtins(content.cost),
        "currency": None if content.cost is None else currency_prefix(content.cost.currency),
    }


def _flow_parts(flow: Flow) -> dict[str, str]:
    """Percentages of the parts and of the two ends, which sum to 100 each."""
    parts = dict(zip(("answered", "low_score", "novel", "blocked"), percentages(flow.parts), strict=True))
    deferred = flow.total - flow.answered
    return parts | dict(zip(("here", "teacher"), percentages((flow.answered, deferred)), strict=True))


def _source(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    hashes = " ".join(
        f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
