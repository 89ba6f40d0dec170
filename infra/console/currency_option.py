"""Option for the currency that amounts of money are shown in."""

from typing import Annotated

import typer

VARIABLE = "UNDERSTUDY_CURRENCY"

Currency = Annotated[
    str,
    typer.Option(
        metavar="SIGN", envvar=VARIABLE, help="Sign or code before amounts of money, such as $, € or EUR."
    ),
]
