"""Known task: a command about a task that nobody knows says so, so that a typo is no empty answer."""

import typer

from infra.console.output import note
from infra.serve.known_tasks import is_known
from streams.settings import Settings


def check_known(settings: Settings, task: str) -> None:
    """End with status 1 where nothing is known of the task. Raises KafkaFailed, StateUnavailable."""
    if not is_known(settings, task):
        note(
            f"nobody knows a task {task}: it has no config, no versions, no traces, and no requests lately; "
            "`understudy tasks list` shows all tasks"
        )
        raise typer.Exit(1)
