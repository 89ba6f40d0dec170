"""Selects the traces that train, and those that may certify: old traces prove nothing of new traffic.

After an alarm only traces since the suspicion began certify, and after a change of teacher only those of the
new one. Older traces still train, save those that the new ones contradict.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from schemas.config import Config
from schemas.messages import Trace
from streams.trainer.trigger import enough_traces

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


def too_few(traces: Sequence[Trace], config: Config, since: TraceCutoffs) -> bool:
    """Whether after an alarm or a change of teacher fewer traces may certify than a refit takes."""
    changed = max(since.certify, since.teacher) > 0
    return changed and not enough_traces(certifying_traces(traces, config, since), config.refit)


def _certifying(traces: Sequence[Trace], config: Config, begin: int) -> list[Trace]:
    fresh = [trace for trace in traces if trace.sampled and trace.replied_at >= begin]
    most = config.refit.calibration_window
    return fresh if most is None else fresh[-most:]


def _oldest(traces: Sequence[Trace], config: Config, since: TraceCutoffs) -> int:
    """The time before which a trace is not used at all."""
    age = config.refit.max_age
    newest = max((trace.replied_at for trace in traces), default=0)
    oldest = 0 if age is None else newest - round(age * 1000)
    return max(oldest, since.teacher) if config.teacher_change == "drop" else oldest
