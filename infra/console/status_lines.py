"""Lines of `status` for people: what answers, traffic, money, certificate, and what to do next."""

from collections.abc import Iterator
from datetime import datetime

from infra.serve.accuracy import TaskAccuracy
from infra.serve.backlog import Backlog
from infra.serve.task_status import TaskStatus
from infra.serve.traffic import TaskTraffic
from models.drift import coverage_signal
from models.forecast.audits_needed import median_audits
from models.money import currency_prefix, format_money
from streams.sampling import RateReason

# Chance alone brings the alarm up to there every now and then.
_NOTABLE_ALARM = 0.5
_LABELS = 5
_TASKS = 5
_AVERAGE = "(averages in which each answer weighs as much as the audit rate at its time)"

_REASONS = {
    RateReason.CONFIGURED: "as configured",
    RateReason.UNCERTIFIED: "until the version is certified",
    RateReason.CERTIFIED: "since the version is certified",
    RateReason.FEW_TRACES: "until",
    RateReason.DRIFT: "since the teacher agrees with deferred guesses less than expected",
    RateReason.NEW_LABELS: "until a refit has learned the new labels",
}


def local_time(at: int) -> str:
    """Unix milliseconds as a person reads them: local time, ISO 8601, with the offset."""
    return datetime.fromtimestamp(at / 1000).astimezone().isoformat(sep=" ", timespec="seconds")


def task_lines(
    status: TaskStatus,
    traffic: TaskTraffic | None,
    price_a_call: float | None,
    currency: str,
    delta: float,
    spending: str,
    accuracy: TaskAccuracy | None = None,
    replies: str | None = None,
) -> Iterator[str]:
    """A task with a policy: its name, then a line for each thing that matters.

    Args:
        spending: today's, as a sentence.
        replies: of the LLM to apps, as a sentence, where it says something.
    """
    yield status.task
    yield _entry("answers", _answers(status))
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
    for sentence in (*_missed_promises(status, traffic), *_further(status)):
        yield _entry("", sentence)
    yield _entry("next", next_step(status, traffic, delta))


def without_policy_lines(
    task: str,
    reason: str,
    traffic: TaskTraffic | None,
    next_step: str,
    spending: str,
    accuracy: TaskAccuracy | None = None,
    replies: str | None = None,
) -> Iterator[str]:
    yield task
    yield _entry("answers", f"the teacher answers everything: {reason}")
    yield _entry("traffic", traffic_sentence(traffic))
    yield _entry("today", spending)
    if replies is not None:
        yield _entry("replies", replies)
    if accuracy is not None:
        yield _entry("accuracy", accuracy_sentence(accuracy))
    yield _entry("next", next_step)


def accuracy_sentence(accuracy: TaskAccuracy) -> str:
    """How many of the answers with feedback were right."""
    shares = [
        f"{right:,} of {count:,} answers of the {who} ({right / count:.1%})"
        for who, right, count in (
            ("surrogate", accuracy.surrogate_right, accuracy.surrogate),
            ("teacher", accuracy.teacher_right, accuracy.teacher),
        )
        if count
    ]
    right = f"of those with feedback, right are {', '.join(shares)}" if shares else "no answer has feedback"
    unknown = f"; {accuracy.unknown:,} more have feedback and no known answer" if accuracy.unknown else ""
    return f"{right}{unknown} (not a random sample; not agreement)"


def backlog_sentence(backlog: Backlog) -> str:
    asked = None if backlog.audits is None else backlog.deferrals
    waiting = (
        f"{_waiting(backlog.requests)} requests wait for `route`, "
        f"{_waiting(backlog.deferrals)} deferrals and {_waiting(backlog.audits)} audits for `teacher`"
    )
    if backlog.waiting:
        waiting += f", which has put off {backlog.waiting:,} more"
    if backlog.encodings:
        waiting += f"; {backlog.encodings:,} texts wait for `encode`"
    never = [role for role, count in (("route", backlog.requests), ("teacher", asked)) if count is None]
    unknown = f" (unknown: no worker with the role {' or '.join(never)} has read yet)" if never else ""
    return f"backlog: {waiting}{unknown}"


def oldest_sentences(backlog: Backlog, now: int) -> Iterator[str]:
    """For each lane with a backlog, how long the oldest of each task wait; `now` in Unix milliseconds."""
    for lane, oldest in backlog.oldest.items():
        ages = [f"{task} {age(max(0, now - at) / 1000)}" for task, at in list(oldest.items())[:_TASKS]]
        more = f", and {len(oldest) - _TASKS} more tasks" if len(oldest) > _TASKS else ""
        if ages:
            yield f"oldest {lane}: {', '.join(ages)}{more}"


def age(seconds: float) -> str:
    """A time as a person says it: in its two largest units."""
    whole = int(seconds)
    for size, unit, below, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // below} {part}"
    return f"{whole} s"


def traffic_sentence(traffic: TaskTraffic | None) -> str:
    """Requests, rate, coverage and errors of the last minutes."""
    if traffic is None or traffic.coverage is None:
        return "no labels in the last minutes"
    errors = f"{traffic.errors:,} errors" if traffic.errors else "no errors"
    last = f", the last: {traffic.last_error}" if traffic.last_error else ""
    guessed = f"; {traffic.guessed:,} guesses outside the guarantee" if traffic.guessed else ""
    return (
        f"{traffic.labels:,} labels in the last {traffic.seconds:,.0f} s ({traffic.rate:.3g} a second); "
        f"coverage {traffic.coverage:.1%}{guessed}; {errors}{last}"
    )


def certificate_sentence(status: TaskStatus) -> str:
    """What audits prove, and whether that is what is promised."""
    if uncounted := _uncounted_sentence(status):
        return f"not certified: {uncounted}"
    if not status.complete:
        return "not certified while lost audit counts are read again"
    if status.new_labels:
        return f"suspended: labels that {status.version} can't know were added: {_named(status.new_labels)}"
    if not status.audits:
        return f"not certified: no audits yet; the target is {status.target:.1%}"
    proof = (
        f"{status.agreements:,} of {status.audits:,} audits agree, which proves an agreement of at least "
        f"{status.bound:.1%} of what {status.version} has answered{_until(status.until)}; the target is "
        f"{status.target:.1%}"
    )
    if status.suspended:
        return f"suspended: {status.suspended}; {proof}"
    if status.certified:
        return f"certified: {proof}"
    if status.bound > status.target:
        return f"not certified: {proof}, but a lost certificate must clear it by a margin"
    return f"not certified yet: {proof}"


def audit_sentence(status: TaskStatus) -> str:
    """The audit rate in force and why; and how many traces may certify the next refit, where few may."""
    certifying = status.certifying
    sentence = f"{status.audit_rate:g} of the requests, {_REASONS[status.audit_reason]}"
    if certifying is None:
        return f"{sentence}; no trainer says how many traces may certify a refit"
    if status.audit_reason is RateReason.FEW_TRACES:
        sentence += f" {status.enough:,} traces may certify a refit ({certifying:,} now)"
    if certifying < status.needed:
        sentence += f"; a refit waits until {status.needed:,} traces may certify it"
    return sentence


def service_sentence(status: TaskStatus) -> str:
    """What the audits of all versions together prove."""
    service = status.service
    if uncounted := _uncounted_sentence(status):
        return f"not certified: {uncounted}"
    if not status.complete:
        return "not certified while lost audit counts are read again"
    if not service.audits:
        return "not certified: no audits yet"
    certified = "certified" if service.certified else "suspended" if status.new_labels else "not certified"
    if service.suspended:
        certified = f"suspended: {service.suspended}"
    return (
        f"{certified}: {service.agreements:,} of {service.audits:,} audits of all versions agree, which "
        f"proves an agreement of at least {service.bound:.1%} of all answers{_until(service.until)}"
    )


def next_step(status: TaskStatus, traffic: TaskTraffic | None, delta: float) -> str:
    """The one thing that an operator may want to do now."""
    task = status.task
    if status.paused:
        return f"`understudy config set {task} paused=false` lets it answer again"
    if status.unguarded:
        return "start the `certify` role, or see its log: everything is deferred until it counts audits again"
    if status.breaker is not None:
        return (
            "a refit on newer traces closes the breaker; where the alarm was wrong, "
            f"`understudy policies close-breaker {task}` does"
        )
    if status.unsuitable is not None:
        return f"{status.unsuitable}: wait for a refit, or put the config back"
    if traffic is not None and traffic.last_error is not None:
        return (
            "see why the teacher fails (the last error above); once it is repaired, "
            f"`understudy dead-letters replay --stage learn --task {task}` asks again"
        )
    if status.unseen:
        return (
            "start the `certify` role: until it has said once that it counts audits nothing is certified, "
            "and routers defer everything once they have waited for it for `guard_staleness`"
        )
    if status.uncounted is not None:
        return "see whether the `certify` role runs, and its log: nothing is certified until it counts audits"
    if status.threshold is None:
        return "no threshold passes the gate at the target: wait for more traces, or lower `target_agreement`"
    if status.new_labels:
        return "nothing: wait until traces hold the new labels, then a refit learns them"
    if status.audit_rate <= 0.0:
        return f"nothing is audited, so nothing is certified: `understudy config set {task} audit_rate=0.02`"
    if status.suspended:
        return "see why the teacher leaves audits without a label: the claim comes back with them, or later"
    if status.certified:
        return "nothing"
    return _audits_ahead(status, delta)


def _uncounted_sentence(status: TaskStatus) -> str:
    """That nobody counts audits; empty where somebody does."""
    if status.unseen:
        return "no `certify` role has said yet that it counts audits"
    if status.uncounted is None:
        return ""
    return f"the `certify` role has not counted the audits of the last {status.uncounted:,.0f} s"


def _until(at: int) -> str:
    return f" until {local_time(at)}" if at else ""


def _audits_ahead(status: TaskStatus, delta: float) -> str:
    agreement = status.agreements / status.audits if status.audits else None
    needed = None if agreement is None else median_audits(agreement, status.target, delta)
    if needed is None or needed <= status.audits:
        return "nothing: wait for more audits"
    return f"nothing: wait; at this agreement, half of all versions are certified after {needed:,} audits"


def _answers(status: TaskStatus) -> str:
    since = f"{status.version} since {local_time(status.since)}, fitted on {status.traces:,} traces"
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
            f"promise missed: {status.agreements:,} of {status.audits:,} audits agree, which proves at most "
            f"{status.high:.1%}; the target is {status.target:.1%}"
        )
    if traffic is None or status.expected_coverage is None or status.since > traffic.since:
        return
    if status.paused or status.breaker is not None:
        return
    signal = coverage_signal(traffic.answered, traffic.labels, status.expected_coverage)
    if signal is not None:
        yield f"promise missed: of the last {traffic.labels:,} requests, {signal.sentence}"


def _further(status: TaskStatus) -> Iterator[str]:
    if status.pending:
        overdue = f"; {status.overdue:,} overdue ones count against the claim" if status.overdue else ""
        silent = f", and the teacher has passed {status.silent:,} by" if status.silent else ""
        yield f"{status.pending:,} audits have no reply yet{overdue}{silent}"
    if status.failed:
        every = status.audits + status.pending + status.failed + status.lost
        yield f"failed audits: {status.failed:,} of {every:,}, which count against the claim"
    if status.lost:
        yield f"{status.lost:,} audits were given up, and count against the claim"
    if status.removed_labels:
        yield f"not answered any more, since the teacher may not give them: {_named(status.removed_labels)}"
    if status.alarm > _NOTABLE_ALARM:
        yield f"the alarm is at {status.alarm:.0%} of the level at which it is raised"
    if status.breaker is not None:
        yield f"breaker open: {status.breaker}"
    if status.candidate is not None:
        yield f"on trial: {status.candidate}"
    if status.pinned is not None:
        yield f"pinned: {status.pinned}"
    if status.asked_again:
        yield (
            f"asked the same twice, the teacher gave the same label {status.said_the_same:,} of "
            f"{status.asked_again:,} times{_ceiling(status.ceiling)}"
        )


def _ceiling(ceiling: float) -> str:
    """What follows from a teacher that contradicts itself; of one that does not, nothing."""
    if ceiling >= 0.9995:
        return ""
    return f": a surrogate that answers everything can't agree with more than {ceiling:.1%}"


def _named(labels: tuple[str, ...]) -> str:
    """The first labels, and how many more there are."""
    more = f" and {len(labels) - _LABELS} more" if len(labels) > _LABELS else ""
    return ", ".join(labels[:_LABELS]) + more


def _waiting(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _entry(name: str, text: str) -> str:
    return f"  {name:<12}{text}"
