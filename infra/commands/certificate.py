"""certificate: what was certified of each version of a task, since when, and when it was lost."""

from typing import Annotated, Any

import msgspec
import typer

from infra.console.certificate_lines import history_sentences, print_history
from infra.console.examples import examples
from infra.console.known_task import check_known
from infra.console.output import AsJson, line, result
from infra.console.policy_options import TaskArgument
from infra.serve.certificate_history import TaskHistory, read_certificate_history
from infra.serve.servers import client_settings

commands = typer.Typer()


@commands.command(epilog=examples("certificate shop", "certificate shop --table", "certificate shop --json"))
def certificate(
    task: TaskArgument,
    table: Annotated[
        bool, typer.Option("--table", help="A row for each change, and for some points between.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show what was certified of each version of a task, since when, and when it was lost.

    --json has all points that are kept, at most 500 a version. Exit status 1: nobody knows the task.
    """
    settings = client_settings()
    history = read_certificate_history(settings, task)
    if not history.versions:
        check_known(settings, task)
    if json:
        result(_report(history))
        return
    if table and history.versions:
        print_history(history)
    for sentence in history_sentences(history):
        line(sentence)


def _report(history: TaskHistory) -> dict[str, Any]:
    return {
        "task": history.task,
        "counted": history.counted,
        "versions": [
            {
                "version": one.version,
                "certified_since": one.certified_since if history.counted else None,
                "lost_at": one.lost_at,
                "points": [msgspec.structs.asdict(point) for point in one.points],
            }
            for one in history.versions
        ],
    }
