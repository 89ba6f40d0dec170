"""Opens what makes a policy's vectors; the packages of a kind are loaded when one of it is asked for."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder, check_rows
from models.embedders.prompt import DEFAULT, Prompt
from models.embedders.spec import ENDPOINT, MODEL2VEC, ONNX, PROBE, needs_encoder, split_spec, vectors_of
from models.errors import EmbedderError

Opening = Callable[[Any, str, Prompt | None], Embedder]


def _probe(module: Any, place: str, prompt: Prompt | None) -> Embedder:
    if prompt is None:
        raise EmbedderError("a probe needs its prompt: the classification prompt with the text in it")
    return module.EndpointEmbedder.probing(place, prompt)  # type: ignore[no-any-return]


_KINDS: Mapping[str, tuple[str, Opening]] = {
    MODEL2VEC: ("model2vec", lambda module, place, _: module.StaticEmbedder.open(place)),
    ONNX: ("onnx", lambda module, place, _: module.OnnxEmbedder.open(place)),
    ENDPOINT: ("endpoint", lambda module, place, _: module.EndpointEmbedder.open(place)),
    PROBE: ("endpoint", _probe),
}


class CheckedEmbedder:
    """An encoder as its users have it: it keeps what the interface promises, whatever its library does."""

    def __init__(self, encoder: Embedder) -> None:
        self.id = encoder.id
        self.dimension = encoder.dimension
        self._encoder = encoder

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`. Lone surrogates, which have no UTF-8, count as question marks."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        read = [text.encode("utf-8", "replace").decode() for text in texts]
        try:
            rows = self._encoder.embed(read)
        except EmbedderError:
            raise
        except Exception as error:  # tokenizers raises nothing narrower
            raise EmbedderError(f"{self.id} failed on {len(texts)} texts ({_told(error)})") from error
        return check_rows(rows, len(texts), self.dimension, self.id)


def open_embedder(vectors: str, prompt: Prompt | None = None) -> Embedder:
    """Load or reach an encoder, and try it.

    Args:
        vectors: one that needs an encoder, as `models.embedders.spec.vectors_of` gives it.
        prompt: of a probe.

    Raises:
        EmbedderError: there is no such encoder, a package is missing, it can't be read or reached, or it does
            not make vectors.
    """
    kind, place = split_spec(vectors)
    if kind not in _KINDS:
        raise EmbedderError(f"`{vectors}` is no encoder; there are {', '.join(_KINDS)}")
    module, opening = _KINDS[kind]
    try:
        return CheckedEmbedder(opening(_module(module), place, prompt))
    except EmbedderError as error:
        raise EmbedderError(f"`{vectors}` can't be used: {error}") from error
    except Exception as error:  # nor does safetensors
        raise EmbedderError(
            f"`{vectors}` can't be opened ({_told(error)}): is it what `{kind}:` reads, and whole?"
        ) from error


def encoder_for(spec: str, labels: Sequence[str], template: str | None = None) -> Embedder | None:
    """Open the encoder that a whole `embedder` names; None where it needs none.

    Args:
        labels: of the task, for the prompt of a probe.
        template: that prompt, with `{text}` and, if it likes, `{labels}` in it; None for the usual.

    Raises:
        EmbedderError: as `open_embedder`, or the template has not exactly one `{text}`.
        InvalidSpec: `spec` is not in the grammar.
    """
    vectors = vectors_of(spec)
    if vectors is None or not needs_encoder(spec):
        return None
    is_probe = split_spec(vectors)[0] == PROBE
    return open_embedder(vectors, Prompt.of(template or DEFAULT, labels) if is_probe else None)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _module(name: str) -> Any:
    try:
        return import_module(f"models.embedders.{name}")
    except ModuleNotFoundError as error:
        raise EmbedderError(
            f"the package {error.name} is not installed: pip install 'understudy[encoders]'"
        ) from error
