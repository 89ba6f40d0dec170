"""Sentences about the status of a task, as people read them in a terminal and on the dashboard."""

from datetime import datetime

from models.certificate import Certificate, budget_share
from models.forecast.audits_needed import AuditsAhead, audits_ahead
from models.proven_share import at_least
from streams.sampling import RateReason
from streams.state.running_refits import RunningRefit
from streams.status.task_status import TaskStatus
from streams.wording import by_count, counted, counted_of

_LABELS = 5
_LATE = 30.0
"""Seconds from which on a reply of the teacher is late: most LLMs answer in a few."""

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


def age(seconds: float) -> str:
    """A time as a person says it: in its two largest units."""
    whole = int(seconds)
    for size, unit, below, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // below} {part}"
    return f"{whole} s"


def agreeing(agreements: int, audits: int, whose: str = "") -> str:
    """`390 of 400 audits agree`; `whose` stands after the noun."""
    return f"{counted_of(agreements, audits, 'audit')}{whose} {by_count(agreements, 'agrees', 'agree')}"


def refit_sentence(refit: RunningRefit, now: int) -> str:
    """Since when a refit runs, and what it does; `now` in Unix milliseconds."""
    doing = f": {refit.doing}" if refit.doing else ""
    return (
        f"a refit on {counted(refit.traces, 'trace')} runs for {age(max(0, now - refit.since) / 1000)}{doing}"
    )


def certificate_sentence(status: TaskStatus) -> str:
    """What audits prove, and whether that is what is promised."""
    if uncounted := _uncounted_sentence(status):
        return f"not certified: {uncounted}"
    if not status.complete:
        return "not certified while lost audit counts are read again"
    if status.new_labels:
        added = named_labels(status.new_labels)
        return f"suspended: labels that {status.version} can't know were added: {added}"
    if not status.audits:
        return f"not certified: no audits yet; the target is {status.target:.1%}"
    proof = (
        f"{agreeing(status.agreements, status.audits)}, which proves an agreement of at least "
        f"{at_least(status.bound)} of what {status.version} has answered{_until(status.until)}; "
        f"the target is {status.target:.1%}"
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
        f"{certified}: {agreeing(service.agreements, service.audits, ' of all versions')}, which proves an "
        f"agreement of at least {at_least(service.bound)} of all answers{_until(service.until)}"
    )


def next_step(
    status: TaskStatus,
    last_error: str | None,
    delta: float,
    audits_a_second: float = 0.0,
    *,
    lacks_encoder: bool = False,
    waits: float = 0.0,
) -> str:
    """The one thing that an operator may want to do now.

    Args:
        last_error: of the teacher, where it has given no label since.
        waits: seconds for which the oldest request or audit without a reply of the teacher waits.
    """
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
        wait = "make the encoder usable (above) and wait for a refit" if lacks_encoder else "wait for a refit"
        return f"{status.unsuitable}: {wait}, or put the config back"
    if last_error is not None:
        return (
            "see why the teacher failed (the last error above); once that is repaired, "
            f"`understudy dead-letters replay --stage learn --task {task}` asks again"
        )
    if lacks_encoder:
        return "make the encoder usable again (above): until it is, what needs its vector goes to the teacher"
    if late := late_teacher(waits):
        return late
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
    return f"nothing: wait; {forecast_sentence(status, audits_a_second, delta)}"


def late_teacher(waits: float) -> str:
    """What to do about a teacher that has owed a reply for so many seconds; empty where that is not long."""
    if waits < _LATE:
        return ""
    owed = f"it has owed a reply for {age(waits)}"
    return f"see whether the teacher answers (`understudy doctor` asks it): {owed}"


def _uncounted_sentence(status: TaskStatus) -> str:
    """That nobody counts audits; empty where somebody does."""
    if status.unseen:
        return "no `certify` role has said yet that it counts audits"
    if status.uncounted is None:
        return ""
    return f"the `certify` role has not counted the audits of the last {status.uncounted:,.0f} s"


def _until(at: int) -> str:
    return f" until {local_time(at)}" if at else ""


def forecast_sentence(status: TaskStatus, audits_a_second: float, delta: float) -> str:
    """How many audits it takes until the target is certified, and how long at the present rate."""
    replies = Certificate(status.audits, status.agreements)
    counts = replies.counting_unanswered(status.without_label)
    ahead = audits_ahead(counts, replies, status.target, status.level or budget_share(delta, 1))
    if ahead is None:
        return f"no audits yet, so nobody can say how many it takes until {status.target:.1%}"
    return ahead_sentence(ahead, audits_a_second)


def ahead_sentence(ahead: AuditsAhead, audits_a_second: float) -> str:
    """`about 130 audits (60 to 420), 40 min at this rate, until 95.0%, if the agreement stays what it is`."""
    until = f"until {ahead.target:.1%}, if the agreement stays what it is"
    if ahead.likely == 0:
        return f"the replies so far prove {ahead.target:.1%}, once audits that were asked before have theirs"
    if ahead.likely is None:
        return f"as it is now, only {ahead.chance:.0%} of such versions get to {ahead.target:.1%} in time"
    most = "an unknown number" if ahead.most is None else f"{ahead.most:,}"
    audits, span = counted(ahead.likely, "audit"), f" ({ahead.least:,} to {most})"
    if audits_a_second <= 0.0:
        return f"about {audits}{span} {until}"
    return f"about {audits}{span}, {age(ahead.likely / audits_a_second)} at this rate, {until}"


def switched_off(status: TaskStatus) -> str:
    """The labels that an operator has switched off, and what becomes of their audits; empty without any."""
    if not status.never_answer:
        return ""
    kept = "audits from before that still count, since the certificate is about all that was answered"
    return f"{named_labels(status.never_answer)} ({kept})"


def named_labels(labels: tuple[str, ...]) -> str:
    """The first labels, and how many more there are."""
    more = f" and {len(labels) - _LABELS} more" if len(labels) > _LABELS else ""
    return ", ".join(labels[:_LABELS]) + more
