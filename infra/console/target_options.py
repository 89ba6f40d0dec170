"""How target agreements are given to a command: `--target 0.9 0.95`, or one `--target` for each."""

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


def probability(value: float) -> float:
    if not 0.0 < value < 1.0:
        raise typer.BadParameter(f"{value} is not between 0 and 1")
    return value


def probabilities(values: list[float]) -> list[float]:
    return [probability(value) for value in values]


Targets = Annotated[
    list[float],
    typer.Option("--target", help="Agreement with the teacher; several may follow.", callback=probabilities),
]
Target = Annotated[float, typer.Option(help="Agreement with the teacher.", callback=probability)]
Delta = Annotated[float, typer.Option(help="Chance of certifying what does not hold.", callback=probability)]
