"""Masks texts with a function of the operator's, before any role writes them or shows them to a teacher.

`route` masks a request as soon as it is read. All that follows sees the masked text and no other: the
surrogate, the encoder, `deferrals`, the teacher, `replies`, `traces`, and so the policies. What clients write
to `requests` stays as it is there, until that topic's retention is over.

It fails closed. A request whose text can't be masked is a dead letter. With a mask, no dead letter of
`route` repeats the value that the client sent; its headers say where that stands in `requests`. Ids, keys,
headers and metadata are passed on as they come.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TypeVar

import msgspec
from confluent_kafka import Message
from msgspec.structs import replace

from schemas.codec import Codec
from schemas.messages import Request
from streams.errors import InvalidSettings, MaskFailed
from streams.kafka.batch import MessageOutputs, Outgoing
from streams.kafka.dead_letters import DeadLetters

Mask = Callable[[str], str]
Record = TypeVar("Record", bound=msgspec.Struct)


def load_mask(name: str) -> Mask:
    """The function that `module:function` names.

    Raises:
        InvalidSettings: there is none, it can't be imported, or it does not mask a short text.
    """
    module, _, attribute = name.partition(":")
    try:
        mask: Mask = getattr(import_module(module), attribute)
        mask_text(mask, "My card number is 4111 1111 1111 1111.")
    except MaskFailed as error:
        raise InvalidSettings([f"`mask` (UNDERSTUDY_MASK): {name} failed on a test text: {error}"]) from error
    except Exception as error:  # the edge to code that is not ours: its import may raise anything
        raise InvalidSettings([f"`mask` (UNDERSTUDY_MASK): {name} can't be imported: {error!r}"]) from error
    return mask


def mask_text(mask: Mask, text: str) -> str:
    """The masked text.

    Raises:
        MaskFailed: the function raised, or returned no string. Names the type alone, since an exception's
            message may quote the text.
    """
    try:
        masked = mask(text)
    except Exception as error:  # noqa: BLE001 - the edge to code that is not ours
        raise MaskFailed(f"the mask raised {type(error).__name__}") from None
    if not isinstance(masked, str):
        raise MaskFailed(f"the mask returned {type(masked).__name__}, not str")
    return masked


class MaskedIntake(DeadLetters):
    """Reads requests with their texts masked, and repeats none of what clients sent in dead letters."""

    def __init__(self, topic: str, stage: str, mask: Mask) -> None:
        super().__init__(topic, stage)
        self._mask = mask

    def letter(self, message: Message, reason: str) -> Outgoing:
        """The dead letter of `message`, without its value."""
        return super().letter(message, reason)._replace(value=None)

    def failure(self, message: Message, error: Exception) -> Outgoing:
        """The dead letter of a message that a role failed on, with the type of the error alone."""
        return self.letter(message, type(error).__name__)

    def decode_all(
        self, codec: Codec[Record], messages: Iterable[Message]
    ) -> tuple[list[tuple[Record, Message]], list[MessageOutputs]]:
        records, letters = super().decode_all(codec, messages)
        masked = []
        for record, message in records:
            try:
                masked.append((self._mask_record(record), message))
            except MaskFailed as error:
                letter = self.letter(message, f"the text can't be masked: {error}")
                letters.append(MessageOutputs(message, [letter]))
        return masked, letters

    def _mask_record(self, record: Record) -> Record:
        if not isinstance(record, Request) or record.text is None:
            return record
        return replace(record, text=mask_text(self._mask, record.text))
