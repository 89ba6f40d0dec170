"""Confidence of a chat model in its label: the probability of the label's tokens, from their logprobs."""

import math
from collections.abc import Sequence

from msgspec import Struct


class TokenLogprob(Struct):
    """One token that the model said.

    Attributes:
        bytes: its UTF-8, where a token is only a part of a character.
    """

    token: str
    logprob: float
    bytes: list[int] | None = None


def label_confidence(said: str, label: str, tokens: Sequence[TokenLogprob]) -> float | None:
    """Probability in [0, 1] of the tokens in which the label was said; None where that can't be told.

    Args:
        said: what the model said, all of it.
        label: the label in it, the last time that it is said, in letters of any case.
        tokens: what it said, token by token.
    """
    spoken = [_utf8(token) for token in tokens]
    whole = said.encode(errors="replace")
    if b"".join(spoken) != whole:
        return None
    begin = whole.rfind(label.encode())
    if begin < 0:
        begin = whole.lower().rfind(label.encode().lower())
    if begin < 0:
        return None
    end, at, total = begin + len(label.encode()), 0, 0.0
    for token, raw in zip(tokens, spoken, strict=True):
        if at < end and at + len(raw) > begin:
            total += token.logprob
        at += len(raw)
    return None if math.isnan(total) else min(math.exp(min(total, 0.0)), 1.0)


def _utf8(token: TokenLogprob) -> bytes:
    if token.bytes is None:
        return token.token.encode(errors="replace")
    return bytes(byte & 0xFF for byte in token.bytes)
