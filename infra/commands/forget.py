"""forget: stop using the texts of a request or a task, and say what is left of them and until when."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.console.examples import examples
from infra.console.output import AsJson, line, result
from infra.console.policy_options import task_name
from infra.serve.forgetting import ForgetReport, forget_request, forget_task
from infra.serve.servers import client_settings
from infra.serve.text_search import TopicFinding
from streams.clock import unix_ms

commands = typer.Typer()

_ELSEWHERE = (
    "not looked at: logs, backups, what clients and the LLM's provider keep, and reports and policies that "
    "`understudy fit` has written to files"
)


@commands.command(
    epilog=examples(
        "forget --id order-4711", "forget --id order-4711 --task shop", "forget --task shop --json"
    )
)
def forget(
    request: Annotated[
        str | None, typer.Option("--id", help="Id of one request; with --task only that task's.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="A task; without --id all of it: texts, policies and audits.", callback=task_name),
    ] = None,
    json: AsJson = False,
) -> None:
    """Forget a request or a task: no refit uses its texts any more; says what is left and until when.

    Exit status 1 where a text stays with no end in sight.
    """
    settings = client_settings()
    if request is not None:
        report = forget_request(settings, request, task, unix_ms())
    elif task is not None:
        report = forget_task(settings, task, unix_ms())
    else:
        raise typer.BadParameter("say what to forget: --id ID, --task TASK, or both")
    if json:
        result({"id": request, "task": task, **_as_json(report)})
    else:
        for sentence in _sentences(report, request, task):
            line(sentence)
    if any(finding.stays for finding in report.topics):
        raise typer.Exit(1)


def _as_json(report: ForgetReport) -> dict[str, object]:
    return {
        "at": report.at,
        "topics": [
            {
                "topic": finding.topic,
                "messages": finding.messages,
                "removed": finding.removed,
                "unreadable": finding.unreadable,
                "expires_at": finding.expires_at,
            }
            for finding in report.topics
        ],
        "redis_keys": report.redis_keys,
        "policies": [f"{task}/{version}" for task, version in report.policies],
        "refits": report.refits,
        "feedback": report.feedback,
    }


def _sentences(report: ForgetReport, request: str | None, task: str | None) -> Iterator[str]:
    whom = (
        f"task {task}"
        if request is None
        else f"request {request} of {f'task {task}' if task else 'any task'}"
    )
    yield f"{whom}: what was asked by {_time(report.at)} is forgotten; no refit uses its text any more"
    for finding in report.topics:
        yield _finding_sentence(finding)
    if report.feedback:
        yield (
            f"feedback: {report.feedback} right labels taken back; the broker deletes them when it compacts "
            "the topic"
        )
    if request is None:
        yield (
            f"Redis: {report.redis_keys} keys of the task are removed; routers drop its policy from memory "
            "and disk at once, those that are down when they start"
        )
        yield "config of the task: kept; it names the prompt and the labels, but no request"
    else:
        yield from _policies(report)
        yield "Redis: keeps the id, without a text, until `reply_memory` is over and its audits are dropped"
    yield _ELSEWHERE


def _finding_sentence(finding: TopicFinding) -> str:
    unsure = f"; {finding.unreadable} messages can't be read and may hold it" if finding.unreadable else ""
    left = finding.messages - finding.removed
    removed = f"{finding.removed} messages removed, " if finding.removed else ""
    if not left:
        return f"{finding.topic}: {removed}none left{unsure}"
    if finding.expires_at is not None:
        until = f"the broker removes them by {_time(finding.expires_at)}"
    elif finding.expiry_known:
        until = (
            "the broker keeps them for ever; set UNDERSTUDY_TRACES_RETENTION to a number of days, and run "
            "`understudy topics create`"
        )
    else:
        until = "the broker does not say for how long (the embedded one: until it stops)"
    return f"{finding.topic}: {removed}{left} left, {until}{unsure}"


def _policies(report: ForgetReport) -> Iterator[str]:
    if report.policies:
        versions = ", ".join(f"{version} of {task}" for task, version in report.policies)
        yield (
            f"policies: {versions} may have learned from it; they hold pieces of texts of 2 to 5 bytes, or "
            "vectors, and never a whole text; they go when newer versions take their place"
        )
    for task in report.refits:
        yield f"task {task}: a refit without it is asked for"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
