"""policies: list the versions of a task, and move them; each move emits an event."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from infra.console.examples import examples
from infra.console.known_task import check_known
from infra.console.output import AsJson, line, note, result
from infra.console.policy_options import PolicyFolder, TaskArgument, printable_text
from infra.serve.config_topic import read_overrides
from infra.serve.policy_import import PolicyImport, import_policy
from infra.serve.registry_access import with_registry
from infra.serve.servers import client_settings, redis_connection
from models.manifest import Manifest
from schemas.codec import EVENT
from schemas.config import Config, config_of
from schemas.event import Event
from schemas.operator_change import ChangeWish
from schemas.version_events import OPERATOR
from streams.changes.author import ChangeAuthor
from streams.changes.version_catalog import VersionInfo, list_versions, of_version, version_catalog
from streams.changes.version_change import ChangedVersions, change_versions
from streams.changes.version_plan import version_plan
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import write_messages
from streams.recorded_calls.rows import unix_time
from streams.settings import Settings
from streams.state.operator_changes import OperatorChangeLog
from streams.state.registry import Registry
from streams.status.sentences import local_time
from streams.wording import counted

commands = typer.Typer()

policies = typer.Typer(help="List policy versions, and move them.", no_args_is_help=True)
commands.add_typer(policies, name="policies")

Chosen = Annotated[str, typer.Argument(metavar="VERSION", help="A version, such as v3.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the move, and shown in its event.")
]

Why = Annotated[
    str,
    typer.Option("--why", "--reason", metavar="TEXT", help="Why; kept and shown.", callback=printable_text),
]
Person = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="NAME",
        envvar="USER",
        help="Who decides; by default who is logged in.",
        callback=printable_text,
    ),
]

BY_HAND = "an operator's choice"
_WITH_CONFIG = frozenset({"promote", "rollback", "approve", "unpin"})


@policies.command("list", epilog=examples("policies list shop", "policies list shop --json"))
def policies_list(task: TaskArgument, json: AsJson = False) -> None:
    """Show the versions of a task, their states, and whether they can go live again.

    Exit status 1: nobody knows the task.
    """
    settings = client_settings()
    versions = with_registry(settings, lambda registry: list_versions(registry, task))
    if not versions:
        check_known(settings, task)
    if json:
        result({"task": task, "versions": versions})
        return
    for version in versions:
        line(_version_line(version))
    if not versions:
        line(f"{task} has no policy yet")


@policies.command("show", epilog=examples("policies show shop v3"))
def policies_show(task: TaskArgument, version: Chosen) -> None:
    """Print manifest, history and blocked labels of a version as JSON."""

    async def read(registry: Registry) -> dict[str, object]:
        catalog = await version_catalog(registry, task)
        raw = await registry.manifest(task, version)
        if raw is None:
            moves = of_version(catalog.history, version)
            if not moves:
                catalog.check(version)
            return {"version": version, "manifest": None, "history": moves, "blocked": []}
        manifest = msgspec.to_builtins(Manifest.decode(raw))
        return {
            "version": version,
            "manifest": {name: value for name, value in manifest.items() if name != "probes"},
            "history": of_version(catalog.history, version),
            "blocked": sorted(await registry.blocked_labels(task, version)),
        }

    result(with_registry(client_settings(), read))


@policies.command(
    "import",
    epilog=examples("policies import shop policy/", "policies import shop policy/ --reason 'of May'"),
)
def policies_import(
    task: TaskArgument,
    folder: PolicyFolder,
    traces_since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="No older trace has tested it; needed after an alarm. ISO 8601."),
    ] = None,
    reason: Reason = BY_HAND,
    even_if_less: Annotated[
        bool, typer.Option("--even-if-less", help="Also where the live version does well and answers more.")
    ] = False,
) -> None:
    """Take a policy of `understudy fit` live as the task's next version.

    It must have passed the gate for the task's target, and goes on trial where `promotion` says so. Its gate
    holds for the traffic of which its traces were a uniform sample. Exit status 1: it is refused.
    """
    since = 0 if traces_since is None else unix_time(traces_since)
    if since is None:
        raise typer.BadParameter(f"`{traces_since}` is no time", param_hint="--traces-since")
    settings = client_settings()
    event = import_policy(settings, task, PolicyImport(folder, since, reason, even_if_less))
    _emit(settings, [event])


@policies.command(
    "rollback", epilog=examples("policies rollback shop --reason 'v4 is odd'", "policies rollback shop v2")
)
def policies_rollback(
    task: TaskArgument,
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="By default the one that was live before.")
    ] = None,
    reason: Reason = BY_HAND,
) -> None:
    """Put an older version live in place of the live one; closes the breaker."""
    _change(task, ChangeWish("rollback", version=version), reason)


@policies.command("promote", epilog=examples("policies promote shop v3"))
def policies_promote(task: TaskArgument, version: Chosen, reason: Reason = BY_HAND) -> None:
    """Put a version live without waiting for its trial; closes the breaker."""
    _change(task, ChangeWish("promote", version=version), reason)


@policies.command("approve", epilog=examples("policies approve shop v3 --why 'looked at its report'"))
def policies_approve(task: TaskArgument, version: Chosen, why: Why, by: Person) -> None:
    """Put the version live that waits for approval (`promotion=approve`).

    Exit status 1: it does not wait any more, the task is pinned, or an alarm is newer than its traces.
    """
    _change(task, ChangeWish("approve", version=version), why, by)


@policies.command("refuse", epilog=examples("policies refuse shop v3 --why 'worse on refunds'"))
def policies_refuse(task: TaskArgument, version: Chosen, why: Why, by: Person) -> None:
    """End the version that waits for approval; the live one goes on."""
    _change(task, ChangeWish("refuse", version=version), why, by)


@policies.command("pin", epilog=examples("policies pin shop --reason release"))
def policies_pin(task: TaskArgument, reason: Reason = BY_HAND) -> None:
    """Stop automatic promotions until `unpin`; an alarm still stops a version."""
    _change(task, ChangeWish("pin"), reason)


@policies.command("unpin", epilog=examples("policies unpin shop"))
def policies_unpin(task: TaskArgument, reason: Reason = BY_HAND) -> None:
    """Allow automatic promotions again; a version that waits for nothing else goes live."""
    _change(task, ChangeWish("unpin"), reason)


@policies.command("close-breaker", epilog=examples("policies close-breaker shop"))
def policies_close_breaker(task: TaskArgument, reason: Reason = BY_HAND) -> None:
    """Let the live version answer again after an alarm, without waiting for a new version."""
    _change(task, ChangeWish("close_breaker"), reason)


def _change(task: str, wish: ChangeWish, reason: str, by: str = OPERATOR) -> None:
    """Make a change, keep who made it, and emit its events."""
    settings, author = client_settings(), ChangeAuthor(by, reason, unix_ms())
    # The breaker is closed, and promotions pinned, also where Kafka can't be read.
    config = config_of(task, read_overrides(settings)) if wish.what in _WITH_CONFIG else Config()

    async def make() -> ChangedVersions:
        async with redis_connection(settings) as connection:
            registry = Registry(connection, settings.keys, settings.policies_kept)
            kept = OperatorChangeLog(connection, settings.keys)
            plan = await version_plan(registry, task, wish, author, config)
            if plan.remark:
                note(plan.remark)
            return await change_versions(registry, kept, task, wish, author, plan)

    _emit(settings, asyncio.run(make()).events)


def _emit(settings: Settings, events: Sequence[Event]) -> None:
    topic = settings.topics.events
    write_messages(settings, [Outgoing(topic, event.task.encode(), EVENT.encode(event)) for event in events])
    for event in events:
        line(event.message)


def _version_line(version: VersionInfo) -> str:
    state = version.state.replace("_", " ") if version.state else "unknown"
    fitted = (
        "its files were dropped"
        if version.traces is None
        else f"fitted on {counted(version.traces, 'trace')}"
    )
    since = "" if version.since is None else f" since {local_time(version.since)} ({version.reason})"
    if version.attempt:
        return f"attempt at {version.version}: refused{since}"
    return f"{version.version}: {state}{since}, {fitted}"
