"""Hash of the teacher's prompt without the text: half of the teacher's identity, the model is the other half.

A changed prompt is a changed teacher.
"""

from hashlib import sha256

import msgspec

from schemas.config import TeacherConfig
from streams.label_set import LabelSet

_DIGITS = 12


def prompt_hash(config: TeacherConfig) -> str:
    """12 hex digits over the prompt template and the labels in their order, and over nothing else.

    A renamed label counts under its first name, so that a new name alone makes no other teacher.
    """
    identity = msgspec.json.encode((config.prompt, LabelSet.of(config).first_names(config.labels)))
    return sha256(identity).hexdigest()[:_DIGITS]
