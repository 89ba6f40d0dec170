"""`onnx:`: a sentence encoder exported to ONNX, with its `tokenizer.json`, in a single-threaded session.

Inputs are `input_ids`, `attention_mask` and, where the graph has it, `token_type_ids`. An output [n, d] is
taken as it is; of token states [n, t, d] the mean over the mask is taken. Neither is normalised here.

Texts are batched by length, so that there is little padding. A graph that quantises activations at run time
chooses one scale for a whole batch, and a row would depend on the others: there each text runs alone.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from models.embedders.fingerprint import fingerprint
from models.embedders.kinds import ONNX
from models.errors import EmbedderError
from models.graph.session import FAILURES, single_threaded

GRAPHS = ("model.onnx", "onnx/model.onnx")
TEXTS_AT_ONCE = 32
TOKENS_AT_ONCE = 2048
CHARACTERS_A_TOKEN = 32
"""Characters that are read for each token that the encoder takes; few texts have more a token."""

_TOKENIZER = "tokenizer.json"
_SETTINGS = "tokenizer_config.json"
_LONGEST = 512
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_OUTPUTS = ("sentence_embedding", "embedding", "last_hidden_state", "token_embeddings")
# The names of all operators that choose a scale at run time start like this; a graph's file contains them.
_QUANTISES = b"DynamicQuantize"


class OnnxEmbedder:
    """An encoder of an ONNX graph and its tokenizer."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        name: str,
        *,
        longest: int,
        alone: bool,
    ) -> None:
        self.id = name
        self._session = session
        self._tokenizer = tokenizer
        self._types = {port.name: _input_dtype(port.type) for port in session.get_inputs()}
        self._output = _choose_output([port.name for port in session.get_outputs()])
        self._at_once = 1 if alone else TEXTS_AT_ONCE
        self._most_characters = CHARACTERS_A_TOKEN * longest
        self.dimension = self._run(tokenizer.encode_batch(["a text"])).shape[1]

    @classmethod
    def open(cls, place: str) -> "OnnxEmbedder":
        """Load it from a folder and try it on a text.

        Raises:
            EmbedderError: files are missing, or the graph has other inputs or outputs.
        """
        folder = Path(place)
        graph = next((folder / name for name in GRAPHS if (folder / name).is_file()), None)
        if graph is None or not (folder / _TOKENIZER).is_file():
            raise EmbedderError(
                f"{folder}: files are missing: must have {_TOKENIZER} and {' or '.join(GRAPHS)}"
            )
        content = graph.read_bytes()
        session = single_threaded(str(graph))
        unknown = {port.name for port in session.get_inputs()}.difference(_INPUTS)
        if unknown:
            raise EmbedderError(f"{graph}: has unknown inputs {sorted(unknown)}; known are {list(_INPUTS)}")
        files = [str(graph.relative_to(folder)), f"{graph.relative_to(folder)}_data", _TOKENIZER, _SETTINGS]
        name = f"{ONNX}:{fingerprint(folder, files)}"
        tokenizer, longest = _tokenizer(folder)
        return cls(session, tokenizer, name, longest=longest, alone=_QUANTISES in content)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenizer.encode_batch([text[: self._most_characters] for text in texts])
        for batch in self._batches(encoded):
            rows[batch] = self._run([encoded[row] for row in batch])
        return rows

    def _batches(self, encoded: Sequence[Encoding]) -> Iterator[list[int]]:
        """Rows in batches of similar length, longest first."""
        ranking = sorted(range(len(encoded)), key=lambda row: -len(encoded[row]))
        begin = 0
        while begin < len(ranking):
            longest = max(1, len(encoded[ranking[begin]]))
            end = begin + max(1, min(self._at_once, TOKENS_AT_ONCE // longest))
            yield ranking[begin:end]
            begin = end

    def _run(self, encoded: Sequence[Encoding]) -> NDArray[np.float32]:
        """One vector for each text, of any length, not checked."""
        width = max(1, *(len(encoding) for encoding in encoded))
        columns = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        feed = {
            name: _pad([getattr(encoding, columns[name]) for encoding in encoded], width, kind)
            for name, kind in self._types.items()
        }
        try:
            (states,) = self._session.run([self._output], feed)
        except FAILURES as error:
            raise EmbedderError(f"{self.id}: graph failed on {len(encoded)} texts: {error}") from error
        mask = _pad([encoding.attention_mask for encoding in encoded], width, np.dtype(np.int64))
        return _pool(np.asarray(states, dtype=np.float32), mask, self.id)


def _tokenizer(folder: Path) -> tuple[Tokenizer, int]:
    """The tokenizer without padding, which is done here, and the most tokens of a text, by its settings."""
    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer.no_padding()
    if tokenizer.truncation is not None:
        return tokenizer, int(tokenizer.truncation["max_length"])
    settings = folder / _SETTINGS
    limit = (
        msgspec.json.decode(settings.read_bytes(), type=_TokenizerLimit)
        if settings.is_file()
        else _TokenizerLimit()
    )
    longest = int(min(limit.model_max_length, _LONGEST))
    tokenizer.enable_truncation(longest)
    return tokenizer, longest


class _TokenizerLimit(msgspec.Struct):
    model_max_length: float = _LONGEST


def _input_dtype(named: str) -> np.dtype[np.generic]:
    return np.dtype(np.int32 if named == "tensor(int32)" else np.int64)


def _choose_output(names: Sequence[str]) -> str:
    """The output with sentence vectors, if the graph has one, else its first output."""
    return next((name for name in _OUTPUTS if name in names), names[0])


def _pad(values: Sequence[Sequence[int]], width: int, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Values [n, width], padded with zeros at the right, where the mask is zero too."""
    table = np.zeros((len(values), width), dtype=kind)
    for row, given in zip(table, values, strict=True):
        row[: len(given)] = given
    return table


def _pool(states: NDArray[np.float32], mask: NDArray[np.generic], whose: str) -> NDArray[np.float32]:
    if states.ndim not in (2, 3) or len(states) != len(mask):
        shape = f"{list(states.shape)} of {len(mask)} texts"
        raise EmbedderError(f"{whose}: graph output is {shape}, must be [n, d] or [n, t, d]")
    if states.ndim == 2:
        return states
    weight = mask[:, :, None].astype(np.float32)
    pooled: NDArray[np.float32] = (states * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)
    return pooled
