"""policies: list the versions of a task, and move them; each move emits an event."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
import typer

from infra.console.examples import examples
from infra.console.output import AsJson, line, result
from infra.console.policy_options import PolicyFolder, TaskArgument, printable_text
from infra.serve.config_topic import read_overrides
from infra.serve.policy_admin import (
    VersionInfo,
    approve,
    close,
    go_live,
    list_versions,
    of_version,
    pin,
    refuse,
    unpin,
    version_catalog,
    with_registry,
)
from infra.serve.policy_import import PolicyImport, import_policy
from infra.serve.servers import client_settings
from infra.serve.topic_client import write_messages
from models.manifest import Manifest
from schemas.codec import EVENT
from schemas.config import config_of
from schemas.events import BreakerClosedDetails, Event, PinnedDetails, UnpinnedDetails
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.recorded_calls.rows import unix_time
from streams.settings import Settings
from streams.state.registry import Registry
from streams.status.sentences import local_time
from streams.versions.events import OperatorDetails, operator_event, transition_event
from streams.versions.lifecycle import VersionStage
from streams.versions.serving_state import ServingChange

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


@policies.command("list", epilog=examples("policies list shop", "policies list shop --json"))
def policies_list(task: TaskArgument, json: AsJson = False) -> None:
    """Show the versions of a task, their states, and whether they can go live again."""
    settings = client_settings()
    versions = with_registry(settings, lambda registry: list_versions(registry, task))
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
    _put_live(task, version, VersionStage.ROLLED_BACK, reason)


@policies.command("promote", epilog=examples("policies promote shop v3"))
def policies_promote(task: TaskArgument, version: Chosen, reason: Reason = BY_HAND) -> None:
    """Put a version live without waiting for its trial; closes the breaker."""
    _put_live(task, version, VersionStage.RETIRED, reason)


@policies.command("approve", epilog=examples("policies approve shop v3 --why 'looked at its report'"))
def policies_approve(task: TaskArgument, version: Chosen, why: Why, by: Person) -> None:
    """Put the version live that waits for approval (`promotion=approve`).

    Exit status 1: it does not wait any more, the task is pinned, or an alarm is newer than its traces.
    """
    config = config_of(task, read_overrides(client_settings()))
    _move(
        task,
        lambda registry, now: approve(registry, task, version, by, why, now, config),
        BreakerClosedDetails(why),
    )


@policies.command("refuse", epilog=examples("policies refuse shop v3 --why 'worse on refunds'"))
def policies_refuse(task: TaskArgument, version: Chosen, why: Why, by: Person) -> None:
    """End the version that waits for approval; the live one goes on."""
    _move(
        task, lambda registry, now: refuse(registry, task, version, by, why, now), BreakerClosedDetails(why)
    )


@policies.command("pin", epilog=examples("policies pin shop --reason release"))
def policies_pin(task: TaskArgument, reason: Reason = BY_HAND) -> None:
    """Stop automatic promotions until `unpin`; an alarm still stops a version."""
    _move(task, lambda registry, now: pin(registry, task, reason, now), PinnedDetails(reason))


@policies.command("unpin", epilog=examples("policies unpin shop"))
def policies_unpin(task: TaskArgument, reason: Reason = BY_HAND) -> None:
    """Allow automatic promotions again; a version that waits for nothing else goes live."""
    config = config_of(task, read_overrides(client_settings()))
    _move(task, lambda registry, now: unpin(registry, task, reason, now, config), UnpinnedDetails(reason))


@policies.command("close-breaker", epilog=examples("policies close-breaker shop"))
def policies_close_breaker(task: TaskArgument, reason: Reason = BY_HAND) -> None:
    """Let the live version answer again after an alarm, without waiting for a new version."""
    _move(task, lambda registry, now: close(registry, task, reason, now), BreakerClosedDetails(reason))


def _put_live(task: str, version: str | None, leaving: VersionStage, reason: str) -> None:
    config = config_of(task, read_overrides(client_settings()))

    def decide(registry: Registry, now: int) -> Awaitable[ServingChange]:
        return go_live(registry, task, version, leaving, reason, now, config)

    _move(task, decide, BreakerClosedDetails(reason))


def _move(
    task: str,
    make: Callable[[Registry, int], Awaitable[ServingChange]],
    details: OperatorDetails,
) -> None:
    """Make a change and emit its events: of the moves, and of the command where that changes more than moves.

    A version that goes live closes the breaker: that needs an event of its own only where no version moved.
    """
    settings, now = client_settings(), unix_ms()
    change = with_registry(settings, lambda registry: make(registry, now))
    events = [transition_event(task, change, now)] if change.moves else []
    if not isinstance(details, BreakerClosedDetails) or not change.moves:
        events.insert(0, operator_event(task, details, now))
    _emit(settings, events)


def _emit(settings: Settings, events: list[Event]) -> None:
    topic = settings.topics.events
    write_messages(settings, [Outgoing(topic, event.task.encode(), EVENT.encode(event)) for event in events])
    for event in events:
        line(event.message)


def _version_line(version: VersionInfo) -> str:
    state = version.state.replace("_", " ") if version.state else "unknown"
    fitted = "its files were dropped" if version.traces is None else f"fitted on {version.traces:,} traces"
    since = "" if version.since is None else f" since {local_time(version.since)} ({version.reason})"
    return f"{version.version}: {state}{since}, {fitted}"
