"""Reads texts one behind the other and keeps the last one: what the next begins with alike is not read again.

Texts behind one prompt cost their own tokens alone, as on a server that caches prefixes.
"""

from collections.abc import Sequence
from threading import Lock

from models.language_model.decoder import Decoder, Matrix, ReadPrefix


class CachedReader:
    """One text at a time; thread-safe."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self._lock = Lock()
        self._tokens: list[int] = []
        self._prefix: ReadPrefix | None = None

    def last_states(self, tokens: Sequence[int]) -> Matrix:
        """Hidden states of the last token, [layers + 1, width]. Raises TextRefused."""
        return self.states_from(tokens, len(tokens) - 1)[:, -1]

    def states_from(self, tokens: Sequence[int], start: int) -> Matrix:
        """Hidden states of the tokens from this one on, [layers + 1, tokens - start, width].

        Raises:
            TextRefused: see `Decoder.read`.
        """
        with self._lock:
            known = min(_common(self._tokens, tokens), max(start, 0))
            before = None if self._prefix is None or known == 0 else self._prefix.first(known)
            states, self._prefix = self.decoder.read(tokens[known:], before)
            self._tokens = list(tokens)
            return states[:, max(start, 0) - known :]


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with alike."""
    pairs = zip(first, second, strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second))
    )
