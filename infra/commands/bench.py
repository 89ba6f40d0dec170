"""bench: the figures of the README, a subcommand for each group. What they measure lives in `infra.bench`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infra.bench.banking import data_folder, likely_folder
from infra.bench.figures import LEAST_RUNS, Figure, Report
from infra.commands.output import AsJson, line, note, result

commands = typer.Typer()
bench = typer.Typer(help="Measure, each figure beside a reference in the same run.", no_args_is_help=True)
commands.add_typer(bench, name="bench")

Data = Annotated[
    Path | None, typer.Option(help="Folder with banking77_{train,test}.jsonl and their .minilm.f16.npy.")
]
Runs = Annotated[int, typer.Option(min=LEAST_RUNS, help="How often; medians are shown.")]


@bench.command()
def policy(data: Data = None, runs: Runs = 5, json: AsJson = False) -> None:
    """What a row costs to score, at batches of 1, 32 and 256."""
    show(_measured("policy", data_folder(data), runs), json)


@bench.command()
def fit(data: Data = None, runs: Runs = LEAST_RUNS, json: AsJson = False) -> None:
    """How long a fit of Banking77 takes, cold and warm, and what its policies answer on the test split."""
    show(_measured("fit", data_folder(data), runs), json)


@bench.command()
def route(data: Data = None, runs: Runs = LEAST_RUNS, json: AsJson = False) -> None:
    """How fast a worker routes on a real Kafka, beside a bare loop and stock Faust."""
    folder = likely_folder(None) if data is None else data_folder(data)
    show(_measured("route", folder, runs), json)


def show(report: Report, json: bool) -> None:
    """Print a benchmark's report, for scripts or for people."""
    if json:
        result(report)
        return
    line(report.machine)
    for found in report.figures:
        line(_told(found))


def _told(found: Figure) -> str:
    shown = f"{found.name:<36} {found.value:>9g} {found.unit}"
    if found.reference_value is None:
        return shown
    ratio = "" if found.ratio is None else f", ratio {found.ratio:g}"
    return f"{shown}  ({found.reference}: {found.reference_value:g}{ratio})"


def _measured(name: str, folder: Path, runs: int) -> Report:
    """Run it in a process of its own; ends the command as that process ends if it fails."""
    note(f"bench {name}: {runs} runs, a few minutes on the whole of Banking77")
    command = [sys.executable, "-m", "infra.bench", name, str(folder), str(runs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
    return msgspec.json.decode(done.stdout, type=Report)
