"""tasks: list and retire tasks, and make tasks of calls that name none."""

from collections.abc import Mapping, Sequence
from getpass import getuser
from socket import gethostname
from typing import Annotated, Any

import typer

from infra.console.config_fields import check_override
from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.console.policy_options import TaskArgument
from infra.serve.config_topic import read_overrides, write_config
from infra.serve.known_tasks import KnownTask, list_tasks, retire_task
from infra.serve.proposed_tasks import accepting_fields
from infra.serve.servers import ask_redis, client_settings
from schemas.chat import MODES, Mode
from schemas.config import NOTHING, Override, config_of, overlay
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.state.proposed_tasks import CountedProposal, ProposedTasks
from streams.status.sentences import local_time
from streams.wording import counted

commands = typer.Typer()

tasks = typer.Typer(
    help="List and retire tasks, and make tasks of calls that name none.", no_args_is_help=True
)
commands.add_typer(tasks, name="tasks")

Hash = Annotated[str, typer.Argument(metavar="HASH", help="As `tasks proposed` shows it.")]
_LABELS = 8


@tasks.command("list", epilog=examples("tasks list", "tasks list --json"))
def tasks_list(json: AsJson = False) -> None:
    """Show every known task: why it is known, its mode, version, traces and last request."""
    settings = client_settings()
    found = list_tasks(settings, read_overrides(settings))
    if json:
        result({"tasks": found})
        return
    for one in found:
        line(_known_line(one))
    if not found:
        line("no task yet: `understudy ask TEXT` sends a first request")


@tasks.command("retire", epilog=examples("tasks retire shop --yes --reason 'moved to the new form'"))
def tasks_retire(
    task: TaskArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is done.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; shown in the event.")
    ] = "an operator's choice",
) -> None:
    """End a task: its config, its policies in Redis, routers and on disk, audits and history are removed.

    Its requests up to now train nothing any more. It comes back as a new one where clients go on sending its
    requests and `*` has a teacher. Exit status 1 without --yes.
    """
    if not yes:
        note(f"this removes config, policies and audits of task {task}: say --yes")
        raise typer.Exit(1)
    by = f"{getuser()}@{gethostname()}"
    removed = retire_task(client_settings(), task, by, reason, unix_ms())
    note(f"task {task} is retired: {counted(removed, 'key')} removed from Redis, routers drop its policy")


@tasks.command("proposed", epilog=examples("tasks proposed", "tasks proposed --json"))
def tasks_proposed(json: AsJson = False) -> None:
    """Show which calls of chat completions name no task, by kind: those with the most calls first."""
    settings = client_settings()
    found = ask_redis(settings, ProposedTasks, ProposedTasks.all)
    known = {
        kind: task
        for task, override in read_overrides(settings).items()
        for kind in config_of(task, {task: override}).chat.calls
    }
    found = [one for one in found if one.task.hash not in known]
    if json:
        result({"proposed": [_as_json(one) for one in found]})
        return
    for one in found:
        _print(one)
    if not found:
        line("no task is proposed: every call names its task, or `teacher.url` is not set for `*`")


@tasks.command(
    "accept",
    epilog=examples("tasks accept shop 1f2e3d4c5b6a", "tasks accept shop 1f2e3d4c5b6a --mode shadow"),
)
def tasks_accept(
    task: TaskArgument,
    kind: Hash,
    mode: Annotated[str | None, typer.Option(help=f"One of {', '.join(MODES)}; by default as it is.")] = None,
) -> None:
    """Give calls of one kind to a task, new or not: from now on they belong to it.

    A new task records. Prints the fields that are set for the task as JSON.
    """
    settings, wanted = client_settings(), None if mode is None else _mode(mode)
    proposal = next(
        (one.task for one in ask_redis(settings, ProposedTasks, ProposedTasks.all) if one.task.hash == kind),
        None,
    )
    if proposal is None:
        note(f"no calls {kind} are proposed; `understudy tasks proposed` shows which are")
        raise typer.Exit(1)
    decided: list[tuple[Override, Sequence[str]]] = []

    def decide(overrides: Mapping[str, Override]) -> Sequence[Outgoing]:
        fields, remarks = accepting_fields(proposal, config_of(task, overrides), wanted)
        override = overlay(overrides.get(task, NOTHING), fields)
        decided.append((override, remarks))
        return [Outgoing(settings.topics.config, task.encode(), check_override(override, task))]

    write_config(settings, decide)
    override, remarks = decided[-1]
    ask_redis(settings, ProposedTasks, lambda store: store.remove(kind))
    result(override)
    for remark in remarks:
        note(remark)


@tasks.command("dismiss", epilog=examples("tasks dismiss 1f2e3d4c5b6a"))
def tasks_dismiss(kind: Hash) -> None:
    """Forget calls of one kind; they are proposed again when more of them come."""
    if not ask_redis(client_settings(), ProposedTasks, lambda store: store.remove(kind)):
        note(f"no calls {kind} are proposed; `understudy tasks proposed` shows which are")
        raise typer.Exit(1)
    note(f"{kind} is forgotten")


def _known_line(one: KnownTask) -> str:
    fitted = "no version" if one.version is None else f"{one.version} of {counted(one.traces or 0, 'trace')}"
    last = "no request lately" if one.last_request is None else f"last request {local_time(one.last_request)}"
    return f"{one.task}  known by {one.source}, {one.mode}, {fitted}, {last}"


def _print(one: CountedProposal) -> None:
    labels = ", ".join(one.task.labels[:_LABELS])
    more = f" and {len(one.task.labels) - _LABELS} more" if len(one.task.labels) > _LABELS else ""
    calls = counted(one.calls, "call")
    line(f"{one.task.hash}  {calls}, the last {local_time(one.last_at)}, of {one.task.model}")
    line(f"  asks for {one.task.form}{f': {labels}{more}' if labels else ''}")
    if one.task.begins:
        line(f"  begins with {one.task.begins!r}")


def _as_json(one: CountedProposal) -> dict[str, Any]:
    task = one.task
    return {
        "hash": task.hash,
        "calls": one.calls,
        "first_at": task.first_at,
        "last_at": one.last_at,
        "model": task.model,
        "form": task.form,
        "labels": task.labels,
        "begins": task.begins,
    }


def _mode(given: str) -> Mode:
    for mode in MODES:
        if given == mode:
            return mode
    raise typer.BadParameter(f"expected one of {', '.join(MODES)}", param_hint="--mode")
