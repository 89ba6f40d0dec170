"""bench: the figures of the README, a subcommand for each group. What they measure lives in `infra.bench`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infra.bench.banking import data_folder, likely_folder
from infra.bench.report import LEAST_RUNS, Figure, Report
from infra.bench.request import BenchRequest
from infra.bench.tables import lines
from infra.console.output import AsJson, line, note, result

commands = typer.Typer()
bench = typer.Typer(help="Measure, each figure beside a reference in the same run.", no_args_is_help=True)
commands.add_typer(bench, name="bench")

Data = Annotated[
    Path | None, typer.Option(help="Folder with banking77_{train,test}.jsonl and their .minilm.f16.npy.")
]
Runs = Annotated[int, typer.Option(min=LEAST_RUNS, help="How often; medians are shown.")]
Tracer = Annotated[bool, typer.Option(help="Measure TRACER beside it, in an environment of its own.")]
Only = Annotated[list[str], typer.Option(help="Kind of policy to measure; may be given several times.")]


@bench.command()
def policy(
    data: Data = None,
    runs: Runs = 5,
    only: Only = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    json: AsJson = False,
) -> None:
    """What a row costs to score, at batches of 1, 32 and 256."""
    show(_measured("policy", BenchRequest(str(data_folder(data)), runs, tuple(only), tracer)), json)


@bench.command()
def fit(
    data: Data = None,
    runs: Runs = LEAST_RUNS,
    only: Only = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    quick: Annotated[bool, typer.Option("--quick", help="One cold fit of all traces, none warm.")] = False,
    json: AsJson = False,
) -> None:
    """How long a fit of Banking77 takes, and what policies of many and of few traces answer."""
    show(_measured("fit", BenchRequest(str(data_folder(data)), runs, tuple(only), tracer, quick)), json)


@bench.command()
def scope(
    data: Data = None,
    only: Only = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    json: AsJson = False,
) -> None:
    """What a policy answers of another service's requests, and what its gate against novelty costs."""
    show(_measured("scope", BenchRequest(str(data_folder(data)), only=tuple(only), tracer=tracer)), json)


@bench.command()
def growth(
    data: Data = None,
    most: Annotated[int, typer.Option(min=1_000, help="Traces to go up to.")] = 100_000,
    only: Only = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """Seconds and memory of a fit, cold and warm, as traces grow in number."""
    show(_measured("growth", BenchRequest(str(data_folder(data)), only=tuple(only), most=most)), json)


@bench.command()
def validity(
    data: Data = None,
    fits: Annotated[int, typer.Option(min=1, help="Draws that each kind of policy is fitted on.")] = 100,
    tracer_fits: Annotated[int, typer.Option(min=0, help="The first of them, that TRACER is too.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Processes that fit at the same time.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Keep each fit in this file, and go on from it.")] = None,
    only: Only = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    json: AsJson = False,
) -> None:
    """How often a certificate is missed, over many splits, and what is certified that can't be learned."""
    order = BenchRequest(
        str(data_folder(data)),
        only=tuple(only),
        tracer=tracer and tracer_fits > 0,
        draws=fits,
        tracer_draws=tracer_fits,
        workers=workers,
        out=None if out is None else str(out),
    )
    show(_measured("validity", order), json)


@bench.command()
def route(data: Data = None, runs: Runs = LEAST_RUNS, json: AsJson = False) -> None:
    """How fast a worker routes on a real Kafka, beside a bare loop and stock Faust."""
    folder = likely_folder(None) if data is None else data_folder(data)
    show(_measured("route", BenchRequest(str(folder), runs)), json)


@bench.command()
def guarantee(
    streams: Annotated[
        int, typer.Option(min=10, help="Simulated streams; lives are a tenth as many.")
    ] = 2000,
    json: AsJson = False,
) -> None:
    """How often a certificate or an alarm is false, and how long either takes, on simulated audits."""
    show(_measured("guarantee", BenchRequest(streams=streams)), json)


@bench.command()
def drift(
    data: Data = None,
    runs: Annotated[int, typer.Option(min=1, help="How often, each on another order of the rows.")] = 1,
    only: Annotated[
        list[str], typer.Option(help="Drift to measure: swapped, new or model; may be given several times.")
    ] = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """What drift does to the whole system on a real Kafka and Redis, with audits and without them."""
    show(_measured("drift", BenchRequest(str(data_folder(data)), runs, tuple(only))), json)


def show(report: Report, json: bool) -> None:
    """Print a benchmark's report, for scripts or for people."""
    if json:
        result(report)
        return
    line(report.machine)
    for table in report.tables:
        line("\n" + "\n".join(lines(table)))
    for text in report.notes:
        line(text)
    for found in () if report.tables else report.figures:
        line(_told(found))


def _told(found: Figure) -> str:
    shown = f"{found.name:<36} {found.value:>9g} {found.unit}"
    if found.reference_value is None:
        return shown
    ratio = "" if found.ratio is None else f", ratio {found.ratio:g}"
    return f"{shown}  ({found.reference}: {found.reference_value:g}{ratio})"


def _measured(name: str, order: BenchRequest) -> Report:
    """Run it in a process of its own; ends the command as that process ends if it fails."""
    note(f"bench {name}: minutes")
    command = [sys.executable, "-m", "infra.bench", name, msgspec.json.encode(order).decode()]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
    return msgspec.json.decode(done.stdout, type=Report)
