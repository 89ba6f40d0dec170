"""Arguments and options that commands about a policy share."""

from pathlib import Path
from typing import Annotated

import typer

PolicyFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a policy.")]
Vectors = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Vectors in .npy format, float16 or float32, a row for each line."),
]
