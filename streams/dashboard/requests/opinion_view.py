"""Opinion view: what one version does with a request, as the page shows it."""

import math

from msgspec import Struct

from schemas.messages import Reason
from streams.dashboard.requests.dry_run import DryRunOutcome
from streams.dashboard.requests.reason_sentences import reason_words


class OpinionView(Struct, frozen=True):
    """What one version does with a request.

    Attributes:
        version: None where there is none.
        answered: it answers; else the teacher is asked.
        sentence: what becomes of the request, and why.
        label: that it would give, also where it may not answer; None where it makes no guess.
        score: probability, in [0, 1], that the teacher agrees.
        threshold: least score that is answered now; None where none has passed the gate.
        novelty: of the request; above `novelty_limit` it is deferred. None where it is infinite.
    """

    version: str | None
    answered: bool
    reason: Reason
    sentence: str
    label: str | None = None
    score: float | None = None
    threshold: float | None = None
    novelty: float | None = None
    novelty_limit: float | None = None


def opinion_view(outcome: DryRunOutcome) -> OpinionView:
    serving, guess = outcome.task.live or outcome.task.early, outcome.guess
    manifest = serving.policy.manifest if serving else None
    answered = outcome.reason is Reason.ACCEPTED
    threshold = outcome.threshold if guess else None
    why = reason_words(outcome.reason, guess.score if guess else None, threshold)
    novelty = guess.novelty if guess else None
    return OpinionView(
        version=serving.version if serving else None,
        answered=answered,
        reason=outcome.reason,
        sentence=f"{'Answered' if answered else 'Deferred to the teacher'}: {why}.",
        label=guess.label if guess else None,
        score=guess.score if guess else None,
        threshold=threshold,
        novelty=None if novelty is None or math.isinf(novelty) else novelty,
        novelty_limit=manifest.novelty_limit if manifest else None,
    )


def difference_sentence(then: OpinionView, now: OpinionView) -> str:
    """What differs between what became of a request and what would become of it now."""
    if (then.version, then.answered, then.reason) == (now.version, now.answered, now.reason):
        return f"Nothing has changed: {_by(now)} decides it as it did."
    was, would = f"was {_fate(then)}", f"would be {_fate(now)}"
    if then.version != now.version:
        return f"{_by(then)} decided it then, and {_by(now)} does now: it {was}; now it {would}."
    moved = "It"
    if then.threshold is not None and now.threshold is not None and then.threshold != now.threshold:
        moved = f"The threshold of {_by(now)} was {then.threshold:.4f} and is {now.threshold:.4f}: it"
    return f"{moved} {was}; now it {would}."


def _fate(opinion: OpinionView) -> str:
    fate = f"answered with {opinion.label!r}" if opinion.answered else "deferred"
    return f"{fate}, since {reason_words(opinion.reason, opinion.score, opinion.threshold)}"


def _by(opinion: OpinionView) -> str:
    return opinion.version or "no version"
