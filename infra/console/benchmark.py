"""Runs a benchmark in a process of its own, and shows its report."""

import signal
import subprocess
import sys

import msgspec
import typer

from infra.bench.report import Figure, Report, table_lines
from infra.bench.request import BenchRequest
from infra.console.output import line, note, result


def run_benchmark(name: str, request: BenchRequest) -> Report:
    """The report of a benchmark; ends the command with its exit status if it fails."""
    note(f"bench {name}: takes minutes")
    command = [sys.executable, "-m", "infra.bench", name, msgspec.json.encode(request).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        # A benchmark has servers and workers to stop: it is asked to, and its end is waited for.
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        printed, _ = process.communicate()
        signal.signal(signal.SIGTERM, before)
    if process.returncode:
        raise typer.Exit(process.returncode)
    return msgspec.json.decode(printed, type=Report)


def show(report: Report, json: bool) -> None:
    """Print a benchmark's report, for scripts or for people; ends with status 1 where it has failed."""
    if json:
        result(report)
    else:
        _show_tables(report)
    if report.failed:
        raise typer.Exit(1)


def _show_tables(report: Report) -> None:
    line(report.machine)
    for table in report.tables:
        line("\n" + "\n".join(table_lines(table)))
    for text in report.notes:
        line(text)
    for figure in () if report.tables else report.figures:
        line(_figure_line(figure))


def _figure_line(figure: Figure) -> str:
    value = f"{figure.name:<36} {figure.value:>9g} {figure.unit}"
    if figure.reference_value is None:
        return value
    ratio = "" if figure.ratio is None else f", ratio {figure.ratio:g}"
    return f"{value}  ({figure.reference}: {figure.reference_value:g}{ratio})"
