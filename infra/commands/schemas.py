"""schemas: write the contract for clients as files, and check that files are current."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from infra.console.examples import examples
from infra.console.output import line, note
from schemas.contract_files import contract_files

commands = typer.Typer()

schemas = typer.Typer(
    help="Write the contract for clients as files: JSON Schemas, AsyncAPI, OpenAPI.", no_args_is_help=True
)
commands.add_typer(schemas, name="schemas")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the files.", file_okay=False)]


@schemas.command("write", epilog=examples("schemas write", "schemas write build/contract"))
def schemas_write(folder: Folder = Path("schemas")) -> None:
    """Write the JSON Schema of each message, the AsyncAPI and the OpenAPI document into DIR."""
    for path, wanted in contract_files(version("understudy")).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or place.read_bytes() != wanted:
            place.write_bytes(wanted)
            line(str(place))


@schemas.command("check", epilog=examples("schemas check"))
def schemas_check(folder: Folder = Path("schemas")) -> None:
    """Name the files in DIR that are not current; exit status 1 if there are any."""
    wanted = contract_files(version("understudy"))
    stale = [path for path, content in wanted.items() if _content_of(folder / path) != content]
    unknown = [f"json/{found.name}" for found in sorted(folder.glob("json/*.json"))]
    stale += [path for path in unknown if path not in wanted]
    for path in stale:
        line(str(folder / path))
    if stale:
        note(f"{len(stale)} files are not those of this version: run `understudy schemas write {folder}`")
        raise typer.Exit(1)
    note(f"{len(wanted)} files are current")


def _content_of(place: Path) -> bytes | None:
    return place.read_bytes() if place.is_file() else None
