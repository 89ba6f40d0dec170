"""Reasons in words: why a surrogate answers a request, or the teacher has to; worded as in the contract."""

from collections.abc import Mapping
from types import MappingProxyType

from schemas.messages import Reason

REASONS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.ACCEPTED: "the score is at or above the threshold",
        Reason.LOW_SCORE: "the score is below the threshold",
        Reason.NOVEL: "the request is unlike anything learned, or no label suits it",
        Reason.BLOCKED_LABEL: "audits, the fit or an operator have switched the guessed label off",
        Reason.REMOVED_LABEL: "the guessed label is no longer in `teacher.labels`",
        Reason.NEW_LABEL: "a label was added that the policy can't know, and `label_added` is `defer`",
        Reason.NO_POLICY: "there is no policy for the task yet, or it can't be used",
        Reason.UNCERTIFIED: (
            "no threshold of the policy passed the gate for this target and delta, "
            "or an app's prompt is none that the version has learned from"
        ),
        Reason.BREAKER_OPEN: "an alarm has stopped the version",
        Reason.UNGUARDED: "nobody has counted audits for `guard_staleness`, so no alarm could be raised",
        Reason.OPERATOR: (
            "an operator has paused the task, or has calls of its apps only recorded (`chat.mode`)"
        ),
        Reason.UNAVAILABLE: "a gateway asked the teacher itself, because Kafka was away",
        Reason.BUDGET: "a limit on the teacher's calls is reached",
        Reason.AUDIT: "the teacher checks an answer",
        Reason.REPEAT: "the teacher is asked the same question a second time",
        Reason.SEEDED: "an operator brought it from a file, or an app as a span",
    }
)

_NEW_PROMPT = "the app's prompt is none that the version has learned from (`chat.prompts`)"

_PLACES = (4, 6, 9, 17)


def reason_words(reason: Reason, score: float | None = None, threshold: float | None = None) -> str:
    """Why, with the figures that it rests on."""
    words = REASONS[reason]
    if reason is Reason.UNCERTIFIED and score is not None and threshold is not None:
        return _NEW_PROMPT  # without a passed threshold there is none to show
    if reason not in (Reason.ACCEPTED, Reason.LOW_SCORE) or score is None or threshold is None:
        return words
    relation = "is below" if reason is Reason.LOW_SCORE else "is at or above"
    places = next((one for one in _PLACES if _reads_right(score, threshold, one)), _PLACES[-1])
    return f"the score {score:.{places}f} {relation} the threshold {threshold:.{places}f}"


def _reads_right(score: float, threshold: float, places: int) -> bool:
    """Whether the figures, so rounded, are in the order that they are in; equal ones are equal."""
    return (score == threshold) == (f"{score:.{places}f}" == f"{threshold:.{places}f}")
