"""Options of commands that start a gateway."""

from typing import Annotated

import typer

GatewayPort = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Port of the gateway; 8484 by default, 0 for any that is free."),
]
