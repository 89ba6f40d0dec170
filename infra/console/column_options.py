"""Options that name the columns of a file."""

from typing import Annotated

import typer

TextColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of the text; by default text, prompt, input or content."),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Column of the label; by default label, answer, output, intent or category."
    ),
]
IdColumn = Annotated[str | None, typer.Option(metavar="NAME", help="Column of the id; by default id.")]

FORMATS = "CSV, JSON Lines, a JSON array or Parquet; `-` for standard input"
