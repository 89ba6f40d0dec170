"""Which encoder a task's config asks for, so that the texts of its requests become vectors."""

from dataclasses import dataclass

from models.embedders.prompt import Prompt
from models.embedders.spec import PROBE, needs_encoder, split_spec, vectors_of
from schemas.config import Config


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """An encoder that a process may have open.

    Attributes:
        vectors: what it is and where, e.g. `model2vec:/models/static`.
        prompt: what a probe asks; None for any other.
    """

    vectors: str
    prompt: Prompt | None = None


def encoder_spec(config: Config) -> EncoderSpec | None:
    """The encoder that the config asks for; None where requests bring all that is read.

    A probe asks what the task's teacher is asked: its prompt with its labels.

    Raises:
        InvalidSpec: see `models.embedders.spec`.
    """
    vectors = vectors_of(config.embedder)
    if vectors is None or not needs_encoder(config.embedder):
        return None
    if split_spec(vectors)[0] != PROBE:
        return EncoderSpec(vectors)
    return EncoderSpec(vectors, Prompt.instructed(config.teacher.prompt, config.teacher.labels))
