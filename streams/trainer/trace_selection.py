"""Selects the traces that train, and those that may certify: old traces prove nothing of new traffic.

After an alarm only traces since the suspicion began certify, and after a change of teacher only those of the
new one. Of these the newest certify, up to a number and an age, and those drawn since a policy defers, once
they suffice. Older traces still train, save those that the new ones contradict.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from schemas.config import Config
from schemas.messages import Reason, Trace
from streams.trainer.trigger import enough_traces

SUFFICIENT = 3000
"""Sampled traces drawn since a policy defers from which on no older ones certify."""

# Guesses of a label that have to be contradicted before it counts as outdated.
_AT_LEAST = 2


@dataclass(frozen=True, slots=True)
class TraceCutoffs:
    """Attributes, Unix milliseconds of the reply:
    certify: traces before do not certify.
    teacher: since when the teacher is who it is now; 0 for ever.
    """

    certify: int = 0
    teacher: int = 0


def recent_traces(traces: Sequence[Trace], config: Config, since: TraceCutoffs) -> list[Trace]:
    """The traces that train, oldest first; those that may not certify lose their `sampled`.

    Args:
        traces: oldest first.
    """
    begin = max(since.certify, since.teacher)
    fresh = [trace for trace in traces if trace.replied_at >= begin]
    outdated = contradicted_labels(fresh) if begin else frozenset()
    oldest = _oldest(traces, config, since)
    kept = [trace for trace in traces if trace.replied_at >= (begin if trace.label in outdated else oldest)]
    certify = {trace.id for trace in _certifying(kept, config, begin)}
    return [
        trace if trace.id in certify or not trace.sampled else replace(trace, sampled=False) for trace in kept
    ]


def contradicted_labels(traces: Sequence[Trace]) -> frozenset[str]:
    """Labels that the teacher gives no more where a surrogate guesses them, in most of the traces.

    They have changed their meaning; what was learned of them before does not hold. It is a choice of what to
    train on, and proves nothing: the gate judges what comes of it.
    """
    guessed = Counter(trace.guess.label for trace in traces if trace.guess is not None)
    agreed = Counter(
        trace.label for trace in traces if trace.guess is not None and trace.guess.label == trace.label
    )
    return frozenset(
        label for label, count in guessed.items() if count >= _AT_LEAST and 2 * agreed[label] < count
    )


def certifying_traces(traces: Sequence[Trace], config: Config, since: TraceCutoffs) -> int:
    """How many of the traces may certify."""
    return len(_certifying(traces, config, max(since.certify, since.teacher)))


def exclusion_reasons(traces: Sequence[Trace], config: Config, since: TraceCutoffs) -> tuple[str, ...]:
    """A sentence on the sampled traces that may not certify; empty where all may."""
    sampled = sum(trace.sampled for trace in traces)
    excluded = sampled - certifying_traces(traces, config, since)
    if not excluded:
        return ()
    reason = (
        f"{excluded:,} of {sampled:,} sampled traces only train: they are too old (`refit.calibration_age`, "
        "`refit.max_age`), not among the newest `refit.calibration_window`, drawn before a policy deferred, "
        "or from before an alarm, drift or another teacher"
    )
    return (reason,)


def too_few(traces: Sequence[Trace], config: Config, since: TraceCutoffs) -> bool:
    """Whether fewer traces may certify than a refit takes, because others are too old or ruled out.

    Others are too old for `calibration_age`; or an alarm, drift or another teacher has ruled them out.
    """
    fresh = certifying_traces(traces, config, since)
    ruled_out = max(since.certify, since.teacher) > 0 or fresh < sum(trace.sampled for trace in traces)
    return ruled_out and not enough_traces(fresh, config.refit)


def _certifying(traces: Sequence[Trace], config: Config, begin: int) -> list[Trace]:
    limits = config.refit
    ages = limits.calibration_age, limits.max_age
    begin = max(begin, *(_not_before(traces, age) for age in ages))
    fresh = [trace for trace in traces if trace.sampled and trace.replied_at >= begin]
    drawn = _drawn_since_policy(traces, fresh)
    chosen = drawn if len(drawn) >= SUFFICIENT else fresh
    return chosen if limits.calibration_window is None else chosen[-limits.calibration_window :]


def _drawn_since_policy(traces: Sequence[Trace], sampled: Sequence[Trace]) -> list[Trace]:
    """The sampled traces that were requested since a policy defers: since the oldest one that is not sampled.

    A trace that is not sampled is there because a policy found it hard, and what it finds hard follows from
    the traces that it was fitted on. So the training traces were chosen by the labels of the cold start: a
    trace of the cold start, held out, is tested by models that its own label has helped to choose rows for.
    A new request had no part in that choice, nor had the rows drawn since. Those are also drawn from the
    traffic of today, at rates that a policy's answers do not change, and the cold start may be long ago.
    Seeded traces are none of that: no policy has chosen them, and nobody has drawn them here.
    """
    own = [trace for trace in traces if trace.reason is not Reason.SEEDED]
    since = min((trace.requested_at for trace in own if not trace.sampled), default=None)
    if since is None:
        return []
    return [trace for trace in sampled if trace.requested_at >= since and trace.reason is not Reason.SEEDED]


def _oldest(traces: Sequence[Trace], config: Config, since: TraceCutoffs) -> int:
    """The time before which a trace is not used at all."""
    oldest = _not_before(traces, config.refit.max_age)
    return max(oldest, since.teacher) if config.teacher_change == "drop" else oldest


def _not_before(traces: Sequence[Trace], age: float | None) -> int:
    """The time of reply, Unix milliseconds, `age` seconds before the newest; 0 for any age."""
    if age is None:
        return 0
    return max((trace.replied_at for trace in traces), default=0) - round(age * 1000)
