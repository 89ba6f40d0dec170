"""seed: write past calls from a file to the topic of traces, so that a task has something to learn from."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from infra.console.column_options import IdColumn, LabelColumn, TextColumn
from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.console.policy_options import ClientTask, Vectors
from infra.console.progress import progress_bar
from infra.console.seed_lines import plan_lines
from infra.console.seed_options import (
    AsOf,
    BatchRequests,
    DryRun,
    LabelField,
    PastCalls,
    TimeColumn,
    UniformSample,
    Where,
)
from infra.seed.plan import SeedPlan, SeedRules, plan_seed
from infra.seed.read import SeedFile, read_calls, tracer_target
from infra.seed.write import with_vectors, without_known, write_traces
from infra.serve.config_topic import read_overrides
from infra.serve.forgotten_requests import forgotten_requests
from infra.serve.servers import client_settings, default_task
from schemas.config import config_of
from streams.clock import unix_ms
from streams.kafka.clients import largest_message
from streams.privacy.mask import load_mask
from streams.recorded_calls.rows import unix_time
from streams.settings import Settings

commands = typer.Typer()


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
    file: PastCalls,
    task: ClientTask = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    id_column: IdColumn = None,
    time_column: TimeColumn = None,
    label_field: LabelField = None,
    where: Where = [],  # noqa: B006 - typer copies it
    requests: BatchRequests = None,
    embeddings: Vectors = None,
    uniform_sample: UniformSample = False,
    as_of: AsOf = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Write past calls of an LLM from a file to the topic of traces.

    The next refit learns from them. A second run writes only what is not there yet. Exit status 1: the file
    holds no trace.
    """
    settings = client_settings()
    columns = {"text": text_column, "label": label_column, "id": id_column, "time": time_column}
    names = {what: column for what, column in columns.items() if column is not None}
    calls = SeedFile(file, names, requests, embeddings, _conditions(where))
    rules = _rules(settings, task or default_task(settings), as_of, label_field, uniform=uniform_sample)
    plan, new = _seed(settings, calls, rules, dry_run=dry_run)
    if json:
        result(_report(plan, rules.task, new, dry_run=dry_run))
    else:
        _print(plan, rules, new, dry_run=dry_run)
        _print_tracer_target(file, rules.task)
    if not plan.traces:
        raise typer.Exit(1)


def _seed(settings: Settings, calls: SeedFile, rules: SeedRules, *, dry_run: bool) -> tuple[SeedPlan, int]:
    """What is read, and how many of its traces were not there yet; writes these."""
    with progress_bar() as progress:
        plan = plan_seed(read_calls(calls), rules)
        new = without_known(settings, plan.traces, progress)
        if not dry_run:
            write_traces(settings, with_vectors(new, rules.config, progress), progress)
    return plan, len(new)


def _rules(
    settings: Settings, task: str, as_of: str | None, label_field: str | None, *, uniform: bool
) -> SeedRules:
    now = unix_ms()
    return SeedRules(
        task,
        config_of(task, read_overrides(settings)),
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
    there = f"; the topic has {known:,} already" if known else ""
    line(f"{'would write' if dry_run else 'written:'} {new:,} traces{there}")


def _print_tracer_target(file: Path, task: str) -> None:
    target = tracer_target(file) if file.is_dir() else None
    if target is not None:
        setting = f"understudy config set {task} target_agreement={target:g}"
        note(f"TRACER's target is {target:g}; to use it here: `{setting}`")


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
