"""Option `--recurring`: whether repeated texts are requests of their own."""

from typing import Annotated

import typer

Recurring = Annotated[
    bool,
    typer.Option(
        "--recurring",
        help="Texts that repeat are requests of their own and will come again as often: count each. Without "
        "it a text counts once, since retries and doubled lines prove nothing. Without effect where labels "
        "depend on time.",
    ),
]
