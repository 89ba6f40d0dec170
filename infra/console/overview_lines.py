"""Overview of all tasks as lines for people: each task, today's spending, and what waits."""

from collections.abc import Iterator

from infra.console.spending_lines import replies_sentence, spending_sentence
from infra.console.status_lines import backlog_sentence, oldest_sentences, task_lines, without_policy_lines
from infra.console.tier_lines import tier_sentence
from infra.serve.overview import Overview
from schemas.config import EVERY_TASK, config_of
from streams.status.absent_encoders import absent_sentence
from streams.status.sentences import refit_sentence


def overview_lines(overview: Overview, price_a_call: float | None, currency: str) -> Iterator[str]:
    """Args:
    price_a_call: to show what is saved; None shows nothing of it.
    """
    spending, overrides = overview.spending, overview.overrides
    owed = overview.backlog.owed(overview.at)

    def today(task: str) -> str:
        return spending_sentence(spending[task], config_of(task, overrides).teacher.limits, currency)

    refits = {task: refit_sentence(refit, overview.at) for task, refit in overview.refits.items()}
    absent = {
        task: [absent_sentence(encoder, overview.at) for encoder in encoders]
        for task, encoders in overview.encoders.items()
    }
    for one in overview.statuses:
        delta = config_of(one.task, overrides).delta
        right, replies = overview.accuracy.get(one.task), replies_sentence(spending[one.task])
        seen = overview.traffic.get(one.task)
        tiers = tier_sentence(one.tiers, spending[one.task])
        waits = owed.get(one.task, 0.0)
        shown = today(one.task), right, replies, refits.get(one.task), tiers, absent[one.task], waits
        yield from task_lines(one, seen, price_a_call, currency, delta, *shown)
    for task in overview.missing:
        lines = task.task, task.reason, overview.traffic.get(task.task), task.next_step, today(task.task)
        right, replies = overview.accuracy.get(task.task), replies_sentence(spending[task.task])
        refit = refits.get(task.task)
        yield from without_policy_lines(*lines, right, replies, refit, absent[task.task])
    if not overview.statuses and not overview.missing:
        yield "no task yet: `understudy ask TEXT` sends a first request"
    total = config_of(EVERY_TASK, overrides).teacher.total_limits
    if total.is_limited or spending[EVERY_TASK].all_calls:
        yield f"today, all tasks: {spending_sentence(spending[EVERY_TASK], total, currency)}"
    yield backlog_sentence(overview.backlog)
    yield from oldest_sentences(overview.backlog, overview.at)
