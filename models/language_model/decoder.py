"""The forward pass of a Llama decoder (Touvron et al. 2023): hidden states of every layer, for one text.

    x        <- embedding of the tokens
    per layer:
      x      <- x + attention(norm(x)) @ output      grouped queries (Ainslie et al. 2023), rotary positions
      x      <- x + (silu(norm(x) @ gate) * (norm(x) @ up)) @ down
    state    <- norm(x)                                  RMS norm (Zhang and Sennrich 2019)

Keys and values of a prefix are kept, so that texts behind one prompt cost their own tokens alone. A GGUF
checkpoint rotates neighbouring pairs of numbers, since its converter has reordered queries and keys for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import TextRefused
from models.language_model.checkpoint import Checkpoint, LayerWeights

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ReadPrefix:
    """What a decoder keeps of the tokens that several texts begin with.

    Attributes:
        count: of tokens.
        keys, values: of each layer, [key heads, count, head width].
    """

    count: int
    keys: tuple[Matrix, ...]
    values: tuple[Matrix, ...]

    def first(self, count: int) -> "ReadPrefix":
        """The same of the first tokens alone."""
        keys, values = ([layer[:, :count] for layer in layers] for layers in (self.keys, self.values))
        return ReadPrefix(count, tuple(keys), tuple(values))


class Decoder:
    """Reads tokens; thread-safe."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._head_width = checkpoint.blocks[0].query.shape[0] // checkpoint.heads
        turns = np.arange(0, self._head_width, 2, dtype=np.float64) / self._head_width
        self._frequencies = checkpoint.rope_base**-turns

    def read(self, tokens: Sequence[int], after: ReadPrefix | None = None) -> tuple[Matrix, ReadPrefix]:
        """Read tokens, behind a prefix where there is one.

        Returns:
            Hidden states, [layers + 1, tokens, width]: before the first layer and after each, not normed; and
            the prefix that all tokens so far are.

        Raises:
            TextRefused: no tokens, or more than the checkpoint was made for.
        """
        start = 0 if after is None else after.count
        if not tokens or start + len(tokens) > self.checkpoint.longest:
            raise TextRefused(
                f"{start + len(tokens)} tokens, but the model reads 1 to {self.checkpoint.longest}"
            )
        turned = _turned(self._frequencies, start, len(tokens))
        states = [self.checkpoint.embedding[list(tokens)]]
        keys, values = [], []
        for number, block in enumerate(self.checkpoint.blocks):
            before = None if after is None else (after.keys[number], after.values[number])
            state, key, value = self._layer(block, states[-1], turned, before)
            states.append(state)
            keys.append(key)
            values.append(value)
        return np.stack(states), ReadPrefix(start + len(tokens), tuple(keys), tuple(values))

    def normed(self, states: Matrix) -> Matrix:
        """The states as they reach the output layer, [..., width]."""
        return _norm(states, self.checkpoint.norm, self.checkpoint.epsilon)

    def logits(self, state: Matrix) -> Matrix:
        """Of the next token, [..., vocabulary], given states of the last layer, [..., width]."""
        return np.asarray(self.normed(state) @ self.checkpoint.output.T)

    def _layer(
        self,
        block: LayerWeights,
        state: Matrix,
        turned: tuple[Matrix, Matrix],
        before: tuple[Matrix, Matrix] | None,
    ) -> tuple[Matrix, Matrix, Matrix]:
        """The next state, and all keys and values so far."""
        epsilon, checkpoint = self.checkpoint.epsilon, self.checkpoint
        read = _norm(state, block.attention_norm, epsilon)
        query = _rotated(self._heads(read @ block.query.T, checkpoint.heads), turned)
        key = _rotated(self._heads(read @ block.key.T, checkpoint.key_heads), turned)
        value = self._heads(read @ block.value.T, checkpoint.key_heads)
        if before is not None:
            key, value = (np.concatenate(pair, axis=1) for pair in zip(before, (key, value), strict=True))
        state = state + _attend(query, key, value) @ block.attention_output.T
        read = _norm(state, block.feed_norm, epsilon)
        gate = read @ block.gate.T
        gate *= 1.0 / (1.0 + np.exp(-gate))
        return np.asarray(state + (gate * (read @ block.up.T)) @ block.down.T), key, value

    def _heads(self, rows: Matrix, heads: int) -> Matrix:
        """[tokens, heads * width] as [heads, tokens, width]."""
        return np.ascontiguousarray(rows.reshape(len(rows), heads, self._head_width).swapaxes(0, 1))


def _norm(state: Matrix, weights: Matrix, epsilon: float) -> Matrix:
    scale = np.sqrt(np.mean(np.square(state), axis=-1, keepdims=True) + np.float32(epsilon))
    return np.asarray(state / scale * weights)


def _turned(frequencies: NDArray[np.float64], start: int, count: int) -> tuple[Matrix, Matrix]:
    """Cosines and sines of the positions, [count, head width / 2]."""
    angles = np.outer(np.arange(start, start + count), frequencies)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _rotated(heads: Matrix, turned: tuple[Matrix, Matrix]) -> Matrix:
    cosine, sine = turned
    even, odd = heads[..., 0::2], heads[..., 1::2]
    rotated = np.empty_like(heads)
    rotated[..., 0::2] = even * cosine - odd * sine
    rotated[..., 1::2] = even * sine + odd * cosine
    return rotated


def _attend(query: Matrix, key: Matrix, value: Matrix) -> Matrix:
    """Each token attends to itself and to all before it; [tokens, heads * head width]."""
    heads, count, width = query.shape
    key_heads, seen, _ = key.shape
    grouped = query.reshape(key_heads, heads // key_heads, count, width)
    scores = grouped @ key[:, None].swapaxes(-1, -2) / np.float32(np.sqrt(width))
    later = np.arange(seen) > np.arange(seen - count, seen)[:, None]
    scores[..., later] = -np.inf
    scores -= scores.max(axis=-1, keepdims=True)
    shares = np.exp(scores)
    shares /= shares.sum(axis=-1, keepdims=True)
    attended = (shares @ value[:, None]).reshape(heads, count, width)
    return np.asarray(attended.swapaxes(0, 1).reshape(count, heads * width))
