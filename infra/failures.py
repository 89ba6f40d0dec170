"""Failures that a command reports in a sentence: which errors are expected, and their exit status."""

from typing import NamedTuple

from infra.errors import InputError
from infra.local.errors import LocalServerError
from models.errors import ModelError
from schemas.errors import SchemaError
from streams.errors import InvalidSettings, StreamsError, TransitionRefused

_EXPECTED = (SchemaError, ModelError, StreamsError, LocalServerError, InputError)


class Failure(NamedTuple):
    """What is printed on standard error, and the exit status."""

    message: str
    status: int


def failure_of(error: Exception) -> Failure | None:
    """How a command ends with an error; None where the error is a defect of ours, which needs a traceback."""
    if isinstance(error, InvalidSettings):
        return Failure("\n".join(f"settings: {problem}" for problem in error.problems), 2)
    if isinstance(error, TransitionRefused):
        return Failure(f"understudy: refused: {error}", 1)
    if isinstance(error, OSError) and error.filename is not None:
        return Failure(f"understudy: {error.filename}: {error.strerror}", 2)
    return Failure(f"understudy: {error}", 2) if isinstance(error, _EXPECTED) else None
