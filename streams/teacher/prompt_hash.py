"""Hash of the teacher's prompt without the text: half of the teacher's identity, the model is the other half.

A changed prompt is a changed teacher.
"""

from hashlib import sha256
from typing import Any

import msgspec

from schemas.config import TeacherConfig
from streams.label_set import LabelSet
from streams.teacher.known_labels import known_descriptions, known_examples

_DIGITS = 12


def prompt_hash(config: TeacherConfig) -> str:
    """12 hex digits over the prompt template and the labels in their order, and over nothing else by default.

    Descriptions, examples, another API than chat and an effort count where they are set. A renamed label
    counts under its first name, so that a new name alone makes no other teacher.
    """
    labels = LabelSet.of(config)
    told: dict[str, Any] = {
        "descriptions": [
            (*labels.first_names([label]), description)
            for label, description in known_descriptions(config).items()
        ],
        "examples": [(one.text, *labels.first_names([one.label])) for one in known_examples(config)],
        "api": config.api if config.api != "chat" else None,
        "effort": config.reasoning_effort,
    }
    further = {name: value for name, value in told.items() if value}
    identity = (config.prompt, labels.first_names(config.labels), *([further] if further else []))
    return sha256(msgspec.json.encode(identity)).hexdigest()[:_DIGITS]
