"""Battery of a task: cases that each version must pass before it goes live; see `streams.battery`.

A case says what a version may do with one request. It passes if the version answers with `label`, or defers;
with `must_answer` only if it answers so, with `must_defer` only if it defers.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.errors import InvalidMessage
from schemas.messages import Embedding

CaseId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$(?!\n)")]

MOST_CASES = 1_000
MOST_BYTES = 4_000_000
"""Bounds of one battery; what exceeds them is refused when it is written, and when it is read."""


class BatteryCase(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request with what a version must do with it.

    Attributes:
        text: what is to be classified; with or without an `embedding`, as the task's embedder needs.
        label: that the version may answer with; None only with `must_defer`.
        must_answer: a version that defers it fails.
        must_defer: a version that answers it fails, whatever the label.
    """

    id: CaseId
    text: Annotated[str, Meta(min_length=1, max_length=100_000)] | None = None
    embedding: Embedding | None = None
    label: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None
    must_answer: bool = False
    must_defer: bool = False

    def __post_init__(self) -> None:
        if self.text is None and self.embedding is None:
            raise ValueError("a case needs a `text` or an `embedding`")
        if self.must_answer and self.must_defer:
            raise ValueError("a case can't have both `must_answer` and `must_defer`")
        if self.must_defer is (self.label is not None):
            raise ValueError("a case has a `label`, or `must_defer` without one")


_DECODER = msgspec.json.Decoder(BatteryCase)


def decode_case(raw: bytes | str) -> BatteryCase:
    """The case in a line of JSON.

    Raises:
        InvalidMessage: it is no case; says what is wrong.
    """
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidMessage(f"battery case: {error}") from error


def encode_case(case: BatteryCase) -> bytes:
    """The case as JSON, as `decode_case` reads it."""
    return msgspec.json.encode(case)
