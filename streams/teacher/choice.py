"""A choice among the labels, as the APIs for decisions take it, and the label that comes back with it."""

from msgspec import Struct

from models.decision_api import MOST_LABELS
from schemas.config import TeacherConfig
from schemas.messages import Usage
from streams.errors import TeacherMisconfigured
from streams.teacher.known_labels import known_examples
from streams.teacher.prompt import instructions


class ChosenLabel(Struct, frozen=True):
    """The label that was chosen.

    Attributes:
        confidence: its probability in [0, 1]; None where the endpoint does not say.
        usage: tokens, where the endpoint counts them.
    """

    label: str
    confidence: float | None
    usage: Usage | None


def choices_of(config: TeacherConfig) -> tuple[str, ...]:
    """The labels, each once.

    Raises:
        TeacherMisconfigured: these APIs do not take so few or so many.
    """
    labels = tuple(dict.fromkeys(config.labels))
    if not 2 <= len(labels) <= MOST_LABELS:
        raise TeacherMisconfigured(
            f"`teacher.labels` has {len(labels)} labels, but `teacher.api={config.api}` takes 2 to "
            f"{MOST_LABELS}: set `teacher.labels`, or use `teacher.api=chat`"
        )
    return labels


def choice_instructions(config: TeacherConfig) -> str:
    """The prompt, with the examples."""
    examples = "".join(f"\n\n{one.text}\nAnswer: {one.label}" for one in known_examples(config))
    return instructions(config) + (f"\n\nExamples:{examples}" if examples else "")


def within_one(probability: float) -> float:
    """The nearest probability in [0, 1]: endpoints round."""
    return min(max(probability, 0.0), 1.0)
