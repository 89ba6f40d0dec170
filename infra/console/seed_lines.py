"""Lines of `seed` for people: what was read, what is written, what is left out, and what may certify."""

from collections.abc import Iterator

from infra.seed.plan import SeedPlan
from schemas.config import Config

_LABELS = 8
_REASONS = 12
_WHY_NOT = (
    "all of them only train, since a file does not show that it is a uniform sample of the task's traffic "
    "with its teacher's labels. If it is one, pass --uniform-sample"
)


def plan_lines(plan: SeedPlan, task: str, config: Config, *, uniform: bool) -> Iterator[str]:
    """What a seeding writes, and why it leaves the rest out."""
    yield f"{plan.read:,} records: {len(plan.traces):,} traces for the task {task}"
    if plan.traces:
        yield f"  labels        {_labels(plan)}"
        yield f"  certifying    {_certifying(plan, uniform=uniform)}"
    for reason, count in plan.left_out.most_common(_REASONS):
        yield f"  left out      {count:,}: {reason} (the first: {plan.first[reason]})"
    if plan.traces and len(plan.traces) > config.refit.window:
        yield f"  window        a refit uses the newest {config.refit.window:,} (`refit.window`)"
    if plan.traces and not config.teacher.model:
        yield f"  teacher       none is set: `understudy config set {task} teacher.url=... teacher.model=...`"


def _labels(plan: SeedPlan) -> str:
    labels = plan.labels
    named = ", ".join(f"{label[:40]} {count:,}" for label, count in labels.most_common(_LABELS))
    more = f" and {len(labels) - _LABELS:,} more" if len(labels) > _LABELS else ""
    return f"{len(labels):,}: {named}{more}"


def _certifying(plan: SeedPlan, *, uniform: bool) -> str:
    if not uniform:
        return f"0; {_WHY_NOT}"
    others = "".join(f"; {count:,} only train: {why}" for why, count in plan.not_sampled.most_common())
    left_out = sum(plan.left_out.values())
    without = f"; the sample lacks the {left_out:,} records that are left out" if left_out else ""
    return f"{plan.sampled:,}, since --uniform-sample says that the file is a sample{others}{without}"
