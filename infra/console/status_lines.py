"""Lines of `status` for people: what answers, traffic, money, certificate, and what to do next."""

from collections.abc import Iterator, Sequence

from infra.serve.accuracy import TaskAccuracy
from infra.serve.backlog import Backlog
from infra.serve.traffic import TaskTraffic
from models.drift import coverage_signal
from models.money import currency_prefix, format_money
from streams.status.sentences import (
    age,
    agreeing,
    audit_sentence,
    certificate_sentence,
    local_time,
    named_labels,
    next_step,
    service_sentence,
    switched_off,
)
from streams.status.task_status import TaskStatus
from streams.wording import by_count, counted, counted_of

# Chance alone brings the alarm up to there every now and then.
_NOTABLE_ALARM = 0.5
_TASKS = 5
_AVERAGE = "(averages in which each answer weighs as much as the audit rate at its time)"


def task_lines(
    status: TaskStatus,
    traffic: TaskTraffic | None,
    price_a_call: float | None,
    currency: str,
    delta: float,
    spending: str,
    accuracy: TaskAccuracy | None = None,
    replies: str | None = None,
    refit: str | None = None,
    tiers: str | None = None,
    encoders: Sequence[str] = (),
    waits: float = 0.0,
) -> Iterator[str]:
    """A task with a policy: its name, then a line for each thing that matters.

    Args:
        spending: today's, as a sentence.
        replies: of the LLM to apps, as a sentence, where it says something.
        refit: that runs now, as a sentence.
        tiers: of a cascade, as a sentence.
        encoders: that can't be used, a sentence each.
        waits: seconds for which the teacher has owed a reply.
    """
    yield status.task
    yield _entry("answers", _answers(status))
    if tiers is not None:
        yield _entry("tiers", tiers)
    yield from (_entry("encoder", sentence) for sentence in encoders)
    yield _entry("traffic", traffic_sentence(traffic))
    if price_a_call is not None and traffic is not None:
        saved = format_money(traffic.saved_a_day(price_a_call), currency)
        price = f"{currency_prefix(currency)}{price_a_call:g}"
        yield _entry("money", f"about {saved} saved a day at {price} a call and at this rate")
    yield _entry("today", spending)
    if replies is not None:
        yield _entry("replies", replies)
    if accuracy is not None:
        yield _entry("accuracy", accuracy_sentence(accuracy))
    yield _entry("certificate", certificate_sentence(status))
    yield _entry("service", service_sentence(status))
    if status.audits:
        yield _entry("", _AVERAGE)
    yield _entry("audits", audit_sentence(status))
    if refit is not None:
        yield _entry("refit", refit)
    for sentence in (*_missed_promises(status, traffic), *_further(status)):
        yield _entry("", sentence)
    yield _entry("next", _next_step(status, traffic, delta, lacks_encoder=bool(encoders), waits=waits))


def without_policy_lines(
    task: str,
    reason: str,
    traffic: TaskTraffic | None,
    next_step: str,
    spending: str,
    accuracy: TaskAccuracy | None = None,
    replies: str | None = None,
    refit: str | None = None,
    encoders: Sequence[str] = (),
) -> Iterator[str]:
    yield task
    yield _entry("answers", f"the teacher answers everything: {reason}")
    yield from (_entry("encoder", sentence) for sentence in encoders)
    yield _entry("traffic", traffic_sentence(traffic))
    yield _entry("today", spending)
    if replies is not None:
        yield _entry("replies", replies)
    if accuracy is not None:
        yield _entry("accuracy", accuracy_sentence(accuracy))
    if refit is not None:
        yield _entry("refit", refit)
    yield _entry("next", next_step)


def accuracy_sentence(accuracy: TaskAccuracy) -> str:
    """How many of the answers with feedback were right."""
    shares = [
        f"{counted_of(right, count, 'answer')} of the {who} ({right / count:.1%})"
        for who, right, count in (
            ("surrogate", accuracy.surrogate_right, accuracy.surrogate),
            ("teacher", accuracy.teacher_right, accuracy.teacher),
        )
        if count
    ]
    right = f"of those with feedback, right are {', '.join(shares)}" if shares else "no answer has feedback"
    have = by_count(accuracy.unknown, "has", "have")
    unknown = f"; {accuracy.unknown:,} more {have} feedback and no known answer" if accuracy.unknown else ""
    return f"{right}{unknown} (not a random sample; not agreement)"


def backlog_sentence(backlog: Backlog) -> str:
    asked = None if backlog.audits is None else backlog.deferrals
    waits = by_count(backlog.requests or 0, "waits", "wait")
    waiting = (
        f"{_waiting(backlog.requests, 'request')} {waits} for `route`, "
        f"{_waiting(backlog.deferrals, 'deferral')} and {_waiting(backlog.audits, 'audit')} for `teacher`"
    )
    if backlog.waiting:
        waiting += f", which has put off {backlog.waiting:,} more"
    if backlog.encodings:
        waits = by_count(backlog.encodings, "waits", "wait")
        waiting += f"; {counted(backlog.encodings, 'text')} {waits} for `encode`"
    never = [role for role, count in (("route", backlog.requests), ("teacher", asked)) if count is None]
    unknown = f" (unknown: no worker with the role {' or '.join(never)} has read yet)" if never else ""
    return f"backlog: {waiting}{unknown}"


def oldest_sentences(backlog: Backlog, now: int) -> Iterator[str]:
    """For each lane with a backlog, how long the oldest of each task wait; `now` in Unix milliseconds."""
    for lane, oldest in backlog.oldest.items():
        ages = [f"{task} {age(max(0, now - at) / 1000)}" for task, at in list(oldest.items())[:_TASKS]]
        left = len(oldest) - _TASKS
        more = f", and {left} more {by_count(left, 'task', 'tasks')}" if left > 0 else ""
        if ages:
            yield f"oldest {lane}: {', '.join(ages)}{more}"


def traffic_sentence(traffic: TaskTraffic | None) -> str:
    """Requests, rate, coverage and errors of the last minutes."""
    if traffic is None or traffic.coverage is None:
        return "no labels in the last minutes"
    errors = counted(traffic.errors, "error") if traffic.errors else "no errors"
    last = f", the last: {traffic.last_error}" if traffic.last_error else ""
    guesses = by_count(traffic.guessed, "guess", "guesses")
    guessed = f"; {traffic.guessed:,} {guesses} outside the guarantee" if traffic.guessed else ""
    labels, seconds = counted(traffic.labels, "label"), f"{traffic.seconds:,.0f} s"
    return (
        f"{labels} in the last {seconds} ({traffic.rate:.3g} a second); "
        f"coverage {traffic.coverage:.1%}{guessed}; {errors}{last}"
    )


def _next_step(
    status: TaskStatus, traffic: TaskTraffic | None, delta: float, *, lacks_encoder: bool, waits: float
) -> str:
    if traffic is None:
        return next_step(status, None, delta, lacks_encoder=lacks_encoder, waits=waits)
    audits_a_second = traffic.answered / traffic.seconds * status.audit_rate
    error = traffic.last_error if traffic.is_failing else None
    return next_step(status, error, delta, audits_a_second, lacks_encoder=lacks_encoder, waits=waits)


def _answers(status: TaskStatus) -> str:
    since = f"{status.version} since {local_time(status.since)}, fitted on {counted(status.traces, 'trace')}"
    if status.paused:
        return f"{since}; paused: the teacher answers everything"
    if status.threshold is None:
        return f"{since}; no threshold passes the gate at {status.target:g}: the teacher answers everything"
    origin = "set by hand" if status.by_hand else "passed the gate"
    expected = status.expected_coverage
    coverage = "" if expected is None else f"; expected coverage {expected:.0%}"
    return f"{since}; threshold {status.threshold:.4f} ({origin}){coverage}"


def _missed_promises(status: TaskStatus, traffic: TaskTraffic | None) -> Iterator[str]:
    """What is far from what the fit has promised; nothing while that may be chance."""
    if status.high < status.target:
        yield (
            f"promise missed: {agreeing(status.agreements, status.audits)}, which proves at most "
            f"{status.high:.1%}; the target is {status.target:.1%}"
        )
    if traffic is None or status.expected_coverage is None or status.since > traffic.since:
        return
    if status.paused or status.breaker is not None:
        return
    signal = coverage_signal(traffic.answered, traffic.labels, status.expected_coverage)
    if signal is not None:
        yield f"promise missed: of the last {counted(traffic.labels, 'request')}, {signal.sentence}"


def _further(status: TaskStatus) -> Iterator[str]:
    if status.pending:
        ones = by_count(status.overdue, "one counts", "ones count")
        overdue = f"; {status.overdue:,} overdue {ones} against the claim" if status.overdue else ""
        silent = f", and the teacher has passed {status.silent:,} by" if status.silent else ""
        have = by_count(status.pending, "has", "have")
        yield f"{counted(status.pending, 'audit')} {have} no reply yet{overdue}{silent}"
    if status.failed:
        every = status.audits + status.pending + status.failed + status.lost
        counts = by_count(status.failed, "counts", "count")
        yield f"failed audits: {status.failed:,} of {every:,}, which {counts} against the claim"
    if status.lost:
        given_up = by_count(status.lost, "was given up, and counts", "were given up, and count")
        yield f"{counted(status.lost, 'audit')} {given_up} against the claim"
    if status.removed_labels:
        removed = named_labels(status.removed_labels)
        yield f"not answered any more, since the teacher may not give them: {removed}"
    if off := switched_off(status):
        yield f"never answered, since an operator has switched them off: {off}"
    if status.alarm > _NOTABLE_ALARM:
        yield f"the alarm is at {status.alarm:.0%} of the level at which it is raised"
    if status.breaker is not None:
        yield f"breaker open: {status.breaker}"
    if status.awaited is not None:
        command = f"`understudy policies approve {status.task} {status.awaited}`, or `policies refuse`"
        yield f"{status.candidate}: {command}"
    elif status.candidate is not None:
        yield f"on trial: {status.candidate}"
    if status.refused is not None:
        yield f"the newest version does not go live: {status.refused}"
    if status.pinned is not None:
        yield f"pinned: {status.pinned}"
    if status.asked_again:
        yield (
            f"asked the same twice, the teacher gave the same label "
            f"{counted_of(status.said_the_same, status.asked_again, 'time')}{_ceiling(status.ceiling)}"
        )


def _ceiling(ceiling: float) -> str:
    """What follows from a teacher that contradicts itself; of one that does not, nothing."""
    if ceiling >= 0.9995:
        return ""
    return f": a surrogate that answers everything can't agree with more than {ceiling:.1%}"


def _waiting(count: int | None, noun: str) -> str:
    return f"? {noun}s" if count is None else counted(count, noun)


def _entry(name: str, text: str) -> str:
    return f"  {name:<12}{text}"
