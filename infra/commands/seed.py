"""seed: bring past calls from a file onto the topic of traces, so that a task does not start from nothing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from infra.console.column_options import IdColumn, LabelColumn, TextColumn
from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.console.policy_options import ClientTask, Vectors
from infra.console.progress import progress_bar
from infra.console.seed_lines import plan_lines
from infra.seed.plan import SeedPlan, SeedRules, plan_seed
from infra.seed.read import SeedFile, read_calls, tracer_target
from infra.seed.write import with_vectors, without_known, write_traces
from infra.serve.config_topic import read_overrides
from infra.serve.forgotten_requests import forgotten_requests
from infra.serve.servers import client_settings, default_task
from schemas.config import Config, config_of
from streams.clock import unix_ms
from streams.kafka.clients import largest_message
from streams.privacy.mask import load_mask
from streams.recorded_calls.rows import unix_time
from streams.settings import Settings

commands = typer.Typer()

_FILE = (
    "Past calls: CSV, JSON Lines, a JSON array or Parquet with a text and a label; OpenAI chats or batch "
    "answers; LiteLLM, Langfuse or OTLP in JSON; a folder of TRACER. `-` for standard input."
)


@commands.command(
    epilog=examples(
        "seed calls.jsonl --task tickets --dry-run",
        "seed calls.parquet --task tickets --text-column body --label-column intent",
        "seed litellm.jsonl --task tickets --where metadata.user_api_key_alias=support",
        "seed batch_output.jsonl --requests batch_input.jsonl --task tickets",
        "seed last-week.jsonl --task tickets --uniform-sample --as-of 2026-11-20",
    )
)
def seed(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_FILE, allow_dash=True)],
    task: ClientTask = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    id_column: IdColumn = None,
    time_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Field of the time of the call; by default time, timestamp, ..."),
    ] = None,
    label_field: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Field of the label, where answers are JSON; by default label."),
    ] = None,
    where: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=VALUE",
            help="Only records with this value; a log may hold calls of several apps. May be repeated.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    requests: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Input of the batch whose answers FILE holds.")
    ] = None,
    embeddings: Vectors = None,
    uniform_sample: Annotated[
        bool,
        typer.Option(
            "--uniform-sample",
            help="Say that the rows are a uniform sample of the task's traffic, with the labels that its "
            "teacher gives today: then they may certify a version. Wrong, it makes the guarantee wrong.",
        ),
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When the last of the rows without a time was asked; `now`, ISO 8601."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Bring past calls of an LLM from a file onto the topic of traces.

    The next refit learns from them. A second run writes only what is not there yet. Exit status 1: the file
    holds no trace.
    """
    settings = client_settings()
    name = task or default_task(settings)
    config = config_of(name, read_overrides(settings))
    rules = _rules(settings, name, config, as_of, label_field, uniform=uniform_sample)
    columns = {"text": text_column, "label": label_column, "id": id_column, "time": time_column}
    names = {what: column for what, column in columns.items() if column is not None}
    with progress_bar() as progress:
        calls = read_calls(SeedFile(file, names, requests, embeddings, _conditions(where)))
        plan = plan_seed(calls, rules)
        new = without_known(settings, plan.traces, progress)
        if not dry_run:
            write_traces(settings, with_vectors(new, config, progress), progress)
    if json:
        result(_report(plan, name, len(new), dry_run=dry_run))
    else:
        _print(plan, rules, len(new), dry_run=dry_run)
        _print_tracer_target(file, name)
    if not plan.traces:
        raise typer.Exit(1)


def _rules(
    settings: Settings,
    task: str,
    config: Config,
    as_of: str | None,
    label_field: str | None,
    *,
    uniform: bool,
) -> SeedRules:
    now = unix_ms()
    return SeedRules(
        task,
        config,
        now,
        largest_message(settings),
        _moment(as_of, now),
        uniform,
        label_field,
        None if settings.mask is None else load_mask(settings.mask),
        forgotten_requests(settings),
    )


def _conditions(where: list[str]) -> dict[str, str]:
    conditions = {}
    for one in where:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"expected FIELD=VALUE, not `{one}`", param_hint="--where")
        conditions[name] = value
    return conditions


def _moment(as_of: str | None, now: int) -> int | None:
    if as_of is None or as_of == "now":
        return None if as_of is None else now
    found = unix_time(as_of)
    if found is None or found > now:
        raise typer.BadParameter(f"expected a time in the past, not `{as_of}`", param_hint="--as-of")
    return found


def _print(plan: SeedPlan, rules: SeedRules, new: int, *, dry_run: bool) -> None:
    for text in plan_lines(plan, rules.task, rules.config, uniform=rules.uniform):
        line(text)
    known = len(plan.traces) - new
    there = f"; {known:,} are there already" if known else ""
    line(f"{'would write' if dry_run else 'written:'} {new:,} traces{there}")


def _print_tracer_target(file: Path, task: str) -> None:
    target = tracer_target(file) if file.is_dir() else None
    if target is not None:
        note(f"TRACER aimed at {target:g}: `understudy config set {task} target_agreement={target:g}`")


def _report(plan: SeedPlan, task: str, new: int, *, dry_run: bool) -> dict[str, object]:
    times = [trace.requested_at for trace in plan.traces]
    return {
        "task": task,
        "read": plan.read,
        "traces": len(plan.traces),
        "sampled": plan.sampled,
        "written": 0 if dry_run else new,
        "known": len(plan.traces) - new,
        "labels": plan.labels,
        "left_out": plan.left_out,
        "not_sampled": plan.not_sampled,
        "from": _iso(min(times)) if times else None,
        "to": _iso(max(times)) if times else None,
    }


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
