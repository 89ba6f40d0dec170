"""Options for target agreements and other shares: `--target 0.9 0.95`, or one `--target` for each."""

import re
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

TARGET = 0.95
DELTA = 0.05
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+")


class ManyTargets(TyperCommand):
    """Lets one `--target` be followed by several numbers."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread: list[str] = []
        for word in args:
            more = len(spread) > 1 and spread[-2] == "--target" and _NUMBER.fullmatch(word)
            spread += ["--target", word] if more else [word]
        return super().parse_args(ctx, spread)


def percent_hint(value: float) -> str:
    """`: did you mean 0.95?` for 95, and nothing for what can't be meant as a percentage."""
    return f": did you mean {value / 100:g}?" if 1.0 < value < 100.0 else ""


def probability(value: float) -> float:
    if not 0.0 < value < 1.0:
        raise typer.BadParameter(f"{value:g} is not between 0 and 1{percent_hint(value)}")
    return value


def probabilities(values: list[float]) -> list[float]:
    return [probability(value) for value in values]


Targets = Annotated[
    list[float],
    typer.Option(
        "--target",
        metavar="SHARE",
        help="Least agreement with the teacher, such as 0.95; several may follow.",
        callback=probabilities,
    ),
]
Target = Annotated[
    float,
    typer.Option(
        metavar="SHARE", help="Least agreement with the teacher, such as 0.95.", callback=probability
    ),
]
Delta = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Probability, at most, that a target passes the gate though the agreement is below it.",
        callback=probability,
    ),
]
