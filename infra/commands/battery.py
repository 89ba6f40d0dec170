"""battery: the cases that each version of a task must pass before it goes live."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infra.console.examples import examples
from infra.console.output import AsJson, customers_data, line
from infra.console.policy_options import TaskArgument, encodable_text, printable_text
from infra.files.battery import read_cases
from infra.serve.config_topic import read_overrides
from infra.serve.registry_access import with_registry
from infra.serve.servers import client_settings
from schemas.battery import MOST_CASES, BatteryCase, decode_case
from schemas.config import config_of
from streams.battery.case_results import CaseResult, short_text
from streams.battery.check import battery_results
from streams.errors import TransitionRefused
from streams.state.registry import Registry

commands = typer.Typer()

battery = typer.Typer(
    help="Say what each version of a task must get right before it goes live.", no_args_is_help=True
)
commands.add_typer(battery, name="battery")


@battery.command(
    "add",
    epilog=examples(
        "battery add shop cases.jsonl", "battery add shop --id gift --text 'a gift' --label gift"
    ),
)
def battery_add(
    task: TaskArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Cases, a JSON object a line; `-` reads a pipe.")
    ] = None,
    case_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Name of one case.", callback=printable_text)
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its text.", callback=encodable_text)
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="What it may be answered.", callback=printable_text),
    ] = None,
    must_answer: Annotated[
        bool, typer.Option("--must-answer", help="A version that defers it fails.")
    ] = False,
    must_defer: Annotated[
        bool, typer.Option("--must-defer", help="A version that answers it fails.")
    ] = False,
) -> None:
    """Add cases to the battery of a task; one with the name of another takes its place.

    In a file: `{"id": "gift", "text": "a gift", "label": "gift"}`, and `embedding` where requests bring one.
    A case passes if a version answers it so, or defers it.
    """
    if (file is None) is (case_id is None):
        raise typer.BadParameter("give a FILE, or --id with --text and --label")
    if file is not None:
        cases = read_cases(file)
    else:
        given = {"id": case_id, "text": text, "label": label}
        flags = {"must_answer": must_answer, "must_defer": must_defer}
        cases = [decode_case(msgspec.json.encode(given | flags))]
    count = with_registry(client_settings(), lambda registry: registry.battery.add(task, cases))
    line(f"{task}: {len(cases):,} cases added, {count:,} of {MOST_CASES:,} in the battery")


@battery.command("list", epilog=examples("battery list shop", "battery list shop --json"))
def battery_list(task: TaskArgument, json: AsJson = False) -> None:
    """Show the cases of a task."""
    cases = with_registry(client_settings(), lambda registry: registry.battery.cases(task))
    if json:
        customers_data({"task": task, "cases": cases})
        return
    for case in cases:
        line(f"{case.id}: {_wish(case)}{'' if case.text is None else f': {short_text(case.text)}'}")
    if not cases:
        line(f"{task} has no battery")


@battery.command("remove", epilog=examples("battery remove shop gift", "battery remove shop --all"))
def battery_remove(
    task: TaskArgument,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Names of cases.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All cases, also those that can't be read.")] = False,
) -> None:
    """Remove cases. Exit status 1: there were none of these names."""
    if bool(ids) is every:
        raise typer.BadParameter("give names of cases, or --all")
    for one in ids or []:
        printable_text(one)
    if every:
        removed = with_registry(client_settings(), lambda registry: registry.battery.clear(task))
        line(f"{task}: the battery is removed" if removed else f"{task} has no battery")
        return
    count = with_registry(client_settings(), lambda registry: registry.battery.remove(task, ids or []))
    line(f"{task}: {count:,} cases removed")
    if not count:
        raise typer.Exit(1)


@battery.command("run", epilog=examples("battery run shop", "battery run shop v3 --json"))
def battery_run(
    task: TaskArgument,
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="By default the live one.", callback=printable_text),
    ] = None,
    json: AsJson = False,
) -> None:
    """Ask a version every case, and change nothing. Exit status 1: it fails one."""
    settings = client_settings()
    config = config_of(task, read_overrides(settings))

    async def ask(registry: Registry) -> tuple[str, list[CaseResult]]:
        chosen = version or await _live(registry, task)
        artifact = await registry.fetch(task, chosen)
        if artifact is None:
            raise TransitionRefused(f"the files of {chosen} are not there, if there is such a version")
        blocked = await registry.blocked_labels(task, chosen)
        cases = await registry.battery.cases(task)
        return chosen, await battery_results(task, config, artifact, cases, blocked)

    chosen, results = with_registry(settings, ask)
    failed = sum(one.problem is not None for one in results)
    if json:
        customers_data({"task": task, "version": chosen, "failed": failed, "results": results})
    else:
        for one in results:
            line(f"{'passes' if one.problem is None else 'FAILS '} {one.case.id}: {one.problem or _did(one)}")
        line(f"{chosen}: {len(results) - failed:,} of {len(results):,} cases pass")
    if failed:
        raise typer.Exit(1)


async def _live(registry: Registry, task: str) -> str:
    active = await registry.active(task)
    if active is None:
        raise TransitionRefused(f"no version of {task} is live; name one")
    return active.version


def _did(one: CaseResult) -> str:
    return f"deferred ({one.reason})" if one.answer is None else f"answered {short_text(one.answer)!r}"


def _wish(case: BatteryCase) -> str:
    if case.must_defer:
        return "must be deferred"
    return f"{'must be answered' if case.must_answer else 'may be answered'} {short_text(case.label or '')!r}"
