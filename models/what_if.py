"""What if a task had another target: share answered, cost, and audits and days until that is proven.

The frontier of the live version says what the gate has measured at each target; the live audits so far go on
counting. Nobody has seen the traffic at the other threshold, so all of it is an estimate.
"""

from msgspec import Struct

from models import binomial
from models.certificate import Certificate
from models.forecast.audits_needed import AuditsAhead, audits_ahead
from models.forecast.forecast import Assumptions
from models.manifest import FrontierPoint, Manifest, point_for
from models.savings import saving


class LiveAudits(Struct, frozen=True):
    """What the audits of the live version say so far.

    Attributes:
        target: in force.
        replies: counts of the labels.
        without_label: audits that count as disagreements.
        level: probability of error at which a target has to be proven, in (0, 1).
        never_answer: labels that an operator has switched off.
        is_held: the config stops the task, or sets its threshold by hand, so that no target moves it.
    """

    target: float
    replies: Certificate
    without_label: int
    level: float
    is_held: bool = False
    never_answer: tuple[str, ...] = ()


class TargetEstimate(Struct, frozen=True):
    """What a target would bring.

    Attributes:
        target: agreement with the teacher.
        coverage: share of the requests that would be answered; 0.0 where the target did not pass the gate.
        cost_a_day: of the teacher's calls, audits among them, in the currency of the price; None where the
            price of a call is not known.
        saved_a_day: of what answers everything by the teacher, likewise.
        audits_a_day: at the audit rate of now.
        ahead: further audits until the target is proven; None where nothing would be answered.
        days: that half of the lives take for them, `least_days` a tenth and `most_days` nine tenths; None
            where so few of them get there.
        unanswered: labels that would never be answered: all where nothing is; else those that are blocked or
            switched off, and those that no gate trace was answered with at the lowest target of the fit. A
            higher target may lose more: a manifest does not say which.
    """

    target: float
    coverage: float
    cost_a_day: float | None
    saved_a_day: float | None
    audits_a_day: float
    ahead: AuditsAhead | None
    least_days: float | None
    days: float | None
    most_days: float | None
    unanswered: tuple[str, ...]


def what_if(
    manifest: Manifest, target: float, aim: float, assumptions: Assumptions, live: LiveAudits
) -> TargetEstimate:
    """The outcome of a target for the version of this manifest.

    Args:
        target: agreement to be proven, in (0, 1).
        aim: agreement whose threshold would answer: the target, or more where a reserve is kept.
    """
    # A smaller delta than the gate's: what has passed it answers nothing.
    stands = manifest.delta <= assumptions.delta and not live.is_held
    point = point_for(manifest.frontier, aim) if stands else None
    coverage = 0.0 if point is None else point.coverage
    requests, price = assumptions.requests_a_day, assumptions.price_a_call
    day = saving(coverage, requests, price, assumptions.audit_rate)
    ahead = None if point is None else _ahead(manifest, point, target, live)
    least, likely, most = (None,) * 3 if ahead is None else (ahead.least, ahead.likely, ahead.most)
    return TargetEstimate(
        target=target,
        coverage=coverage,
        cost_a_day=requests * price - day.money,
        saved_a_day=day.money,
        audits_a_day=day.audits,
        ahead=ahead,
        least_days=_days(least, day.audits),
        days=_days(likely, day.audits),
        most_days=_days(most, day.audits),
        unanswered=_unanswered_labels(manifest, coverage, live.never_answer),
    )


def gate_counts(point: FrontierPoint, certifying: int, delta: float) -> Certificate:
    """Answers among the gate's traces, and agreements, found again from the bound that they gave."""
    answers = max(1, round(point.coverage * certifying))
    low, high = 0, answers
    while low < high:
        middle = (low + high) // 2
        reached = binomial.lower(middle, answers, delta) >= point.low - 1e-12
        low, high = (low, middle) if reached else (middle + 1, high)
    return Certificate(answers, low)


def _ahead(manifest: Manifest, point: FrontierPoint, target: float, live: LiveAudits) -> AuditsAhead | None:
    """The live audits tell of the agreement where the threshold stays, the gate's traces elsewhere."""
    stays = abs(target - live.target) < 1e-9 and live.replies.audits > 0
    tells = live.replies if stays else gate_counts(point, manifest.certifying, manifest.delta)
    return audits_ahead(live.replies.counting_unanswered(live.without_label), tells, target, live.level)


def _days(audits: int | None, audits_a_day: float) -> float | None:
    if audits == 0:
        return 0.0
    return audits / audits_a_day if audits is not None and audits_a_day > 0.0 else None


def _unanswered_labels(manifest: Manifest, coverage: float, switched_off: tuple[str, ...]) -> tuple[str, ...]:
    if not coverage:
        return manifest.labels
    never = {*switched_off, *(stats.label for stats in manifest.accounts if not stats.answered)}
    return tuple(label for label in manifest.labels if label in never or label in manifest.blocked)
