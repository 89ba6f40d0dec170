"""Views: the data that the page draws, of all tasks or of one. The event stream carries them as JSON.

Names are those of the members in JSON. Times are Unix milliseconds, shares are in [0, 1].
"""

import itertools
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from models.certificate import Certificate, lower_bound, upper_bound
from models.proven_share import at_least
from schemas.call_limits import CallLimits
from schemas.config import Config
from streams.certify.history import CertificatePoint, begins_anew, certified_since
from streams.dashboard.tasks.claim_sentence import claim_sentence
from streams.dashboard.tasks.label_counts import MINUTES, SPAN, LabelCounts, SharesOfHour
from streams.spending.day_spending import DaySpending, day_spending
from streams.state.running_refits import RunningRefit
from streams.status.claim import ClaimState, claim_of
from streams.status.sentences import switched_off
from streams.status.task_status import TaskStatus
from streams.versions.lifecycle import Transition
from streams.wording import counted

_MOST_MOVES = 100
_STEP = SPAN * 60_000
_MOST_LABELS = 200
_MISSED = 0.05
"""Chance with which an interval of a label's agreement ever misses it; half on each side."""


class TaskRow(Struct, frozen=True):
    """A task in the table of all.

    Attributes:
        claim: in a few words.
        proven: agreement that the audits of the live version prove.
        expected: share of the requests that it should answer.
        answered: share that surrogates have answered in the last hour, as far as the gateway has run.
        answers: the same of every five minutes, oldest first, in thousandths; None without labels.
        agrees: share of the audits of the live version that agreed in each of these, in thousandths; None
            where no audits are noted.
        calls, money: of the teacher today (UTC); money in the currency of `teacher.price`.
        budget: share of a limit of the day that is used, of that which is nearest; None without limits.
    """

    task: str
    state: ClaimState
    claim: str
    version: str | None = None
    candidate: str | None = None
    proven: float | None = None
    target: float | None = None
    audits: int = 0
    agreements: int = 0
    alarm: float = 0.0
    expected: float | None = None
    answered: float | None = None
    answers: Sequence[int | None] = ()
    agrees: Sequence[int | None] = ()
    calls: int = 0
    money: float = 0.0
    budget: float | None = None


class OverviewView(Struct, frozen=True):
    """Attributes:
    at: when it was read.
    late: seconds for which nobody has counted audits, where that is late; of all tasks.
    unreadable: tasks of which Redis holds what can't be read; they are deferred.
    """

    at: int
    rows: Sequence[TaskRow]
    late: float | None = None
    unreadable: Sequence[str] = ()


class LabelRow(Struct, frozen=True):
    """Audits of one label; at a confidence of .95 its agreement is never outside of `low` to `high`."""

    label: str
    audits: int
    agreements: int
    low: float
    high: float
    blocked: bool


class TaskView(Struct, frozen=True):
    """One task.

    Attributes:
        sentence: `{since}` stands for the time `since`.
        facts: name and words, in the order in which they are shown.
        history: of each version's certificate, the oldest version first.
        moves: of versions between stages, newest first.
        traffic: labels of the last hour.
        next_step: what an operator may want to do now; empty where that is nothing.
        since: see `sentence`.
        refit: that runs now.
    """

    at: int
    row: TaskRow
    sentence: str
    next_step: str
    since: int | None = None
    facts: Sequence[tuple[str, str]] = ()
    history: Sequence[Sequence[CertificatePoint]] = ()
    moves: Sequence[Transition] = ()
    labels: Sequence[LabelRow] = ()
    traffic: LabelCounts = LabelCounts()
    refit: RunningRefit | None = None


def task_row(status: TaskStatus, answered: float | None = None) -> TaskRow:
    claim = claim_of(status)
    return TaskRow(
        task=status.task,
        state=claim.state,
        claim=claim.words,
        version=status.version,
        candidate=status.candidate,
        proven=status.bound if status.audits else None,
        target=status.target,
        audits=status.audits,
        agreements=status.agreements,
        alarm=min(status.alarm, 1.0),
        expected=status.expected_coverage,
        answered=answered,
    )


def row_without_policy(task: str, config: Config, answered: float | None = None) -> TaskRow:
    target = config.target_agreement
    return TaskRow(task, ClaimState.NOT_YET, "no policy yet", target=target, answered=answered)


def with_last_hour(row: TaskRow, shares: SharesOfHour, agreed: Sequence[float | None]) -> TaskRow:
    """The row with what the last hour was like.

    Args:
        agreed: share of the audits that agreed, by the same steps.
    """
    return replace(
        row,
        answered=shares.hour,
        answers=_thousandths(shares.steps),
        agrees=_thousandths(agreed),
    )


def with_spending(row: TaskRow, amounts: Mapping[str, float], limits: CallLimits) -> TaskRow:
    """The row with what the teacher has cost today."""
    spent = day_spending(amounts)
    return replace(row, calls=spent.all_calls, money=spent.money, budget=used_budget(spent, limits))


def used_budget(spent: DaySpending, limits: CallLimits) -> float | None:
    """Share of a limit of the day that is used, of that which is nearest; None without limits."""
    used = [
        value / allowed if allowed else 1.0
        for value, allowed in (
            (spent.all_calls, limits.calls_per_day),
            (spent.tokens, limits.tokens_per_day),
            (spent.money, limits.money_per_day),
        )
        if allowed is not None
    ]
    return max(used, default=None)


def agreed_steps(points: Sequence[CertificatePoint], now: int) -> list[float | None]:
    """Share of the audits that agreed, by steps of the last hour, oldest first; from points of one version.

    Args:
        now: Unix milliseconds.
    """
    count = MINUTES // SPAN
    audits, disagreed = [0] * count, [0] * count
    newest = now // _STEP
    for before, after in itertools.pairwise(points):
        step = count - 1 - max(0, newest - after.at // _STEP)
        if step >= 0 and not begins_anew(before, after):
            audits[step] += after.audits - before.audits
            disagreed[step] += after.disagreed - before.disagreed
    return [1 - wrong / of if of else None for wrong, of in zip(disagreed, audits, strict=True)]


def in_order(rows: Sequence[TaskRow]) -> list[TaskRow]:
    """Those that need a person first."""
    return sorted(rows, key=lambda row: (row.state.urgency, row.task))


def task_view(
    at: int,
    status: TaskStatus,
    history: Mapping[str, tuple[CertificatePoint, ...]],
    moves: Sequence[Transition],
    labels: Sequence[LabelRow],
    traffic: LabelCounts,
    next_step: str,
) -> TaskView:
    """A task with a policy."""
    sentence, since = claim_sentence(status, certified_since(history.get(status.version, ())))
    return TaskView(
        at=at,
        row=task_row(status, traffic.answered),
        sentence=sentence,
        next_step="" if next_step == "nothing" else next_step,
        since=since,
        facts=_facts(status),
        history=[points for points in history.values() if points],
        moves=list(reversed(moves[-_MOST_MOVES:])),
        labels=labels,
        traffic=traffic,
    )


def view_without_policy(
    at: int, task: str, config: Config, moves: Sequence[Transition], traffic: LabelCounts
) -> TaskView:
    sentence = "The teacher answers everything: no version has passed the gate yet."
    newest = list(reversed(moves[-_MOST_MOVES:]))
    row = row_without_policy(task, config, traffic.answered)
    return TaskView(at, row, sentence, "", moves=newest, traffic=traffic)


def label_rows(
    labels: Mapping[str, Certificate], blocked: frozenset[str], most: int = _MOST_LABELS
) -> list[LabelRow]:
    """Those with most disagreements first. Takes half a millisecond each."""
    audited = [(label, counts) for label, counts in labels.items() if counts.audits]
    audited.sort(key=lambda one: (one[1].agreements - one[1].audits, one[0]))
    return [
        LabelRow(
            label,
            counts.audits,
            counts.agreements,
            lower_bound(counts, _MISSED / 2),
            upper_bound(counts, _MISSED / 2),
            label in blocked,
        )
        for label, counts in audited[:most]
    ]


def _thousandths(shares: Sequence[float | None]) -> list[int | None]:
    """As few bytes as can be: a page of 200 tasks holds thousands of them. None at all where all are None."""
    found = [None if share is None else round(1000 * share) for share in shares]
    return found if any(share is not None for share in found) else []


def _facts(status: TaskStatus) -> list[tuple[str, str]]:
    facts = [
        ("fitted on", counted(status.traces, "trace")),
        ("threshold", _threshold(status)),
        ("audit rate", f"{status.audit_rate:.1%} of the requests"),
        ("without a reply", f"{counted(status.pending, 'audit')}, {status.overdue:,} overdue"),
        ("audits of all versions", _service(status)),
        ("alarm", f"{min(status.alarm, 1.0):.0%} of its level"),
    ]
    if status.expected_coverage is not None:
        facts.insert(2, ("should answer", f"{status.expected_coverage:.0%} of the requests"))
    for name, said in (
        ("breaker", status.breaker),
        ("on trial", status.candidate),
        ("pinned", status.pinned),
        ("can't answer", status.unsuitable),
        ("new labels", ", ".join(status.new_labels)),
        ("switched off", switched_off(status)),
    ):
        if said:
            facts.append((name, said))
    return facts


def _threshold(status: TaskStatus) -> str:
    if status.threshold is None:
        return "none passes the gate"
    return f"{status.threshold:.4f}, {'set by hand' if status.by_hand else 'passed the gate'}"


def _service(status: TaskStatus) -> str:
    service = status.service
    if not service.audits:
        return "none yet"
    counts = f"{service.agreements:,} of {service.audits:,} agree"
    if not status.is_counted or service.suspended:
        return f"{counts}, which proves nothing now"
    return f"{counts}: at least {at_least(service.bound)}"
