"""Opens encoders; the packages of a kind are loaded when the first of its encoders is opened."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.embedders.composite import CompositeEmbedder
from models.embedders.contract import Embedder, check_rows
from models.embedders.kinds import (
    DECISIONS,
    ENDPOINT,
    MODEL2VEC,
    ONNX,
    PROBE,
    SYSTEM_ONE,
    needs_encoder,
    needs_prompt,
    sources_of,
    split_spec,
    vectors_of,
)
from models.embedders.prompt import DEFAULT, Prompt
from models.errors import EmbedderError

Open = Callable[[Any, str, Prompt | None], Embedder]


def _open_probe(module: Any, place: str, prompt: Prompt | None) -> Embedder:
    return module.EndpointEmbedder.open_probe(place, _given(prompt))  # type: ignore[no-any-return]


def _open_decisions(kind: str, module: Any, place: str, prompt: Prompt | None) -> Embedder:
    return module.DecisionEmbedder(kind, place, _given(prompt))  # type: ignore[no-any-return]


def _given(prompt: Prompt | None) -> Prompt:
    if prompt is None:
        raise EmbedderError("without a prompt: give the classification prompt with the text in it")
    return prompt


_KINDS: Mapping[str, tuple[str, Open]] = {
    MODEL2VEC: ("model2vec", lambda module, place, _: module.StaticEmbedder.open(place)),
    ONNX: ("onnx", lambda module, place, _: module.OnnxEmbedder.open(place)),
    ENDPOINT: ("endpoint", lambda module, place, _: module.EndpointEmbedder.open(place)),
    PROBE: ("endpoint", _open_probe),
    DECISIONS: ("decision_model", partial(_open_decisions, DECISIONS)),
    SYSTEM_ONE: ("decision_model", partial(_open_decisions, SYSTEM_ONE)),
}


class CheckedEmbedder:
    """An encoder whose vectors are checked, so that it keeps the contract whatever its library does."""

    def __init__(self, encoder: Embedder) -> None:
        self.id = encoder.id
        self.dimension = encoder.dimension
        self._encoder = encoder

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`. Lone surrogates, which have no UTF-8, count as question marks."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        readable = [text.encode("utf-8", "replace").decode() for text in texts]
        try:
            rows = self._encoder.embed(readable)
        except EmbedderError:
            raise
        except Exception as error:  # tokenizers raises nothing narrower
            raise EmbedderError(f"{self.id} failed on {len(texts)} texts ({_error_text(error)})") from error
        return check_rows(rows, len(texts), self.dimension, self.id)


def open_embedder(vectors: str, prompt: Prompt | None = None) -> Embedder:
    """Load an encoder, or connect to it, and try it on a text; of several sources one that is all of them.

    Args:
        vectors: spec of an encoder, as `models.embedders.kinds.vectors_of` gives it.
        prompt: of a probe; others do not read it.

    Raises:
        EmbedderError: there is no such encoder, a package is missing, it can't be read or reached, or it
            makes no vectors.
    """
    parts = sources_of(vectors)
    if len(parts) > 1:
        return CompositeEmbedder(tuple(open_embedder(part, prompt) for part in parts))
    kind, place = split_spec(vectors)
    if kind not in _KINDS:
        raise EmbedderError(f"`{vectors}` is not an encoder; choose from {', '.join(_KINDS)}")
    module, open_kind = _KINDS[kind]
    try:
        return CheckedEmbedder(open_kind(_import_kind(module), place, prompt))
    except EmbedderError as error:
        raise EmbedderError(f"`{vectors}` can't be opened: {error}") from error
    except Exception as error:  # safetensors raises nothing narrower either
        advice = f"check that it is complete and of kind `{kind}`"
        raise EmbedderError(f"`{vectors}` can't be opened ({_error_text(error)}): {advice}") from error


def encoder_for(spec: str, labels: Sequence[str], template: str | None = None) -> Embedder | None:
    """Open the encoder that a whole `embedder` names; None if it needs none.

    Args:
        labels: of the task, for the prompt of a probe.
        template: that prompt, with `{text}` and optionally `{labels}` in it; None for the usual.

    Raises:
        EmbedderError: as `open_embedder`, or the template has not exactly one `{text}`.
        InvalidSpec: `spec` is not in the grammar.
    """
    vectors = vectors_of(spec)
    if vectors is None or not needs_encoder(spec):
        return None
    return open_embedder(vectors, Prompt.of(template or DEFAULT, labels) if needs_prompt(vectors) else None)


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _import_kind(name: str) -> Any:
    try:
        return import_module(f"models.embedders.{name}")
    except ModuleNotFoundError as error:
        raise EmbedderError(
            f"package {error.name} is not installed: pip install 'understudy[encoders]'"
        ) from error
