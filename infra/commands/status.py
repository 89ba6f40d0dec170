"""status: how each task is doing."""

import typer

from infra.console.output import AsJson, line, result
from infra.serve.config_topic import read_overrides
from infra.serve.servers import client_settings
from infra.serve.status import TaskStatus, task_statuses

commands = typer.Typer()

# Chance brings the alarm up to there every now and then.
_WORTH_TELLING = 0.5


@commands.command()
def status(json: AsJson = False) -> None:
    """Show, for every task, the policy that answers, what audits say of it, and what is promised."""
    settings = client_settings()
    found = task_statuses(settings, read_overrides(settings))
    if json:
        result({"tasks": found})
    elif not found:
        line("no task has a policy yet")
    for standing in [] if json else found:
        line(_told(standing))


def _told(standing: TaskStatus) -> str:
    further = [
        f"{standing.pending} replies are awaited" if standing.pending else "",
        f"{standing.overdue} overdue ones count as disagreements" if standing.overdue else "",
        f"the alarm stands at {standing.alarm:.0%}" if standing.alarm > _WORTH_TELLING else "",
        f"breaker open: {standing.breaker}" if standing.breaker else "",
        f"on trial: {standing.candidate}" if standing.candidate else "",
        f"pinned: {standing.pinned}" if standing.pinned else "",
        _steadiness(standing),
    ]
    told = (
        f"{standing.task}: {standing.version} since {standing.since}, fitted on {standing.traces} traces, "
        f"threshold {standing.threshold} for agreement {standing.target}; "
        f"{standing.agreements} of {standing.audits} audits agree, which proves {standing.bound:.1%}: "
        f"{_claim(standing)}"
    )
    return "; ".join([told, *filter(None, further)])


def _claim(standing: TaskStatus) -> str:
    if standing.certified:
        return "certified"
    if not standing.complete:
        return "not certified while lost counts are read again"
    near = standing.bound > standing.target and standing.audits > 0
    return "not certified again yet, so near the target" if near else "not certified"


def _steadiness(standing: TaskStatus) -> str:
    if not standing.asked_again:
        return ""
    return (
        f"asked the same twice, the teacher said the same {standing.said_the_same} of {standing.asked_again} "
        f"times: answering everything, no surrogate can agree with more than {standing.ceiling:.1%}"
    )
