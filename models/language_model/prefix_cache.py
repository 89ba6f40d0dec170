"""Reads texts and keeps the last few: what the next begins with like one of them is not read again.

Texts behind one prompt cost their own tokens alone, as on a server that caches prefixes. A text takes the
place of the one that it shares most with, if that is half of it; else that of the one used longest ago, so
that prompts read in turn do not drive each other out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from models.language_model.decoder import Decoder, Matrix, ReadPrefix

TEXTS_KEPT = 4


@dataclass(frozen=True, slots=True)
class KeptText:
    """The tokens of a text, and what the decoder keeps of them."""

    tokens: tuple[int, ...]
    prefix: ReadPrefix


class CachedReader:
    """One text at a time; thread-safe.

    Args:
        kept: texts to keep at most; 0 reads each from its beginning.
    """

    def __init__(self, decoder: Decoder, kept: int = TEXTS_KEPT) -> None:
        self.decoder = decoder
        self._lock = Lock()
        self._most = kept
        self._kept: list[KeptText] = []

    def last_states(self, tokens: Sequence[int]) -> Matrix:
        """Hidden states of the last token, [layers + 1, width]. Raises TextRefused."""
        return self.states_from(tokens, len(tokens) - 1)[:, -1]

    def states_from(self, tokens: Sequence[int], start: int) -> Matrix:
        """Hidden states of the tokens from this one on, [layers + 1, tokens - start, width].

        Raises:
            TextRefused: see `Decoder.read`.
        """
        with self._lock:
            nearest = max(self._kept, key=lambda one: _common(one.tokens, tokens), default=None)
            shared = 0 if nearest is None else _common(nearest.tokens, tokens)
            known = min(shared, max(start, 0))
            before = None if nearest is None or known == 0 else nearest.prefix.first(known)
            states, prefix = self.decoder.read(tokens[known:], before)
            self._keep(KeptText(tuple(tokens), prefix), nearest if 2 * shared >= len(tokens) else None)
            return states[:, max(start, 0) - known :]

    def _keep(self, text: KeptText, instead: KeptText | None) -> None:
        others = [one for one in self._kept if one is not instead]
        self._kept = [*others, text][-self._most :] if self._most else []


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with alike."""
    pairs = zip(first, second, strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second))
    )
