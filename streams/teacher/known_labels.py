"""What a task's settings say of the labels that the teacher may give: their descriptions, and examples."""

from collections.abc import Sequence

from schemas.config import LabelExample, TeacherConfig


def known_descriptions(config: TeacherConfig) -> dict[str, str]:
    """The descriptions of labels that may be given, in the labels' order."""
    described, renamed = config.label_descriptions, config.labels_renamed
    current = {renamed.get(label, label): description for label, description in described.items()}
    return {label: current[label] for label in distinct(config.labels) if label in current}


def known_examples(config: TeacherConfig) -> tuple[LabelExample, ...]:
    """The examples with the names of today, those left out whose label may not be given."""
    renamed = config.labels_renamed
    current = (LabelExample(one.text, renamed.get(one.label, one.label)) for one in config.examples)
    return tuple(one for one in current if not config.labels or one.label in config.labels)


def distinct(labels: Sequence[str]) -> list[str]:
    """In their order, each once."""
    return list(dict.fromkeys(labels))
