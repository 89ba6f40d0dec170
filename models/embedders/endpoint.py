"""`endpoint:` and `probe:`: vectors from a server with OpenAI's `/v1/embeddings`.

The `openai` client does the waiting and repeating: after a lost connection, a timeout or a status of 408,
409, 429 or 5xx it tries again with exponential backoff and jitter, or when `Retry-After` says. What comes
back counts only if it is whole: one vector a text, of one length, all finite.

A server that refuses a batch is asked for its halves, so that one text can't spoil its neighbours; a text
that is refused alone is cut to half its length until it fits. A probe's text is cut inside the prompt, whose
end, which it reads, always arrives.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated
from urllib.parse import urldefrag, urlsplit

import msgspec
import numpy as np
import openai
from msgspec import Meta
from numpy.typing import NDArray

from models.embedders.contract import check_rows
from models.embedders.prompt import Prompt
from models.embedders.spec import ENDPOINT, PROBE
from models.errors import EmbedderError, TextRefused

KEY = "EMBEDDINGS_API_KEY"
"""Environment variable that holds the key; servers that need none are sent a stand-in."""

TEXTS_AT_ONCE = 64
PROMPTS_AT_ONCE = 8
CHARACTERS_AT_ONCE = 65_536
CALLS_AT_ONCE = 4
TIMEOUT = 20.0
RETRIES = 2
SHORTEST = 64
"""Characters; a text that is refused at this length is not refused for its length."""

_REFUSED = (400, 413, 422)
_DETAIL = 300
Vectors = NDArray[np.float32]


class EndpointEmbedder:
    """A model behind an address.

    Args:
        address: base URL of the API with the model as its fragment: `http://localhost:8080/v1#model`.
        rendered: what is sent for a text.
        name: see `Embedder.id`.
        at_once: texts in a call, at most.

    Raises:
        EmbedderError: it can't be asked for the vector of a first text.
    """

    def __init__(self, address: str, rendered: Callable[[str], str], name: str, at_once: int) -> None:
        url, self._model = urldefrag(address)
        self.id = name
        self._whose = f"{name} at {urlsplit(url).hostname}"
        self._rendered = rendered
        self._at_once = at_once
        self._client = openai.OpenAI(
            base_url=url, api_key=os.environ.get(KEY) or "none", timeout=TIMEOUT, max_retries=RETRIES
        )
        self._pool = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="embeddings")
        self.dimension = self._vectors(["a text"], None).shape[1]

    @classmethod
    def open(cls, address: str) -> "EndpointEmbedder":
        """Sends texts as they are; an empty one, which some servers refuse, as a space."""
        return cls(
            address, lambda text: text or " ", f"{ENDPOINT}:{urldefrag(address).fragment}", TEXTS_AT_ONCE
        )

    @classmethod
    def probing(cls, address: str, prompt: Prompt) -> "EndpointEmbedder":
        """Sends the prompt with the text in it, to a server that pools the last token."""
        name = f"{PROBE}:{urldefrag(address).fragment}@{prompt.hash}"
        return cls(address, prompt.around, name, PROMPTS_AT_ONCE)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        batches = _batches(texts, self._at_once)
        parts = self._pool.map(lambda batch: self._vectors(batch, self.dimension), batches)
        return np.concatenate(list(parts))

    def _vectors(self, texts: list[str], dimension: int | None) -> Vectors:
        try:
            return self._asked(texts, dimension)
        except openai.APIStatusError as error:
            if error.status_code not in _REFUSED:
                raise EmbedderError(f"{self._whose}: {_described(error)}") from error
            if len(texts) == 1 and len(texts[0]) <= SHORTEST:
                raise TextRefused(f"{self._whose}: refuses a text: {_described(error)}") from error
        except openai.OpenAIError as error:
            raise EmbedderError(f"{self._whose}: {_described(error)}") from error
        if len(texts) == 1:
            return self._vectors([texts[0][: len(texts[0]) // 2]], dimension)
        half = len(texts) // 2
        return np.concatenate([self._vectors(part, dimension) for part in (texts[:half], texts[half:])])

    def _asked(self, texts: list[str], dimension: int | None) -> Vectors:
        response = self._client.embeddings.with_raw_response.create(
            model=self._model, input=[self._rendered(text) for text in texts], encoding_format="float"
        )
        try:
            items = msgspec.json.decode(response.content, type=_EmbeddingsResponse).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EmbedderError(
                f"{self._whose}: what came is no list of embeddings ({error}): the address has to be "
                "the API's base URL, which often ends in /v1"
            ) from error
        if sorted(item.index for item in items) != list(range(len(texts))):
            raise EmbedderError(
                f"{self._whose}: {len(items)} embeddings came for {len(texts)} texts, not one each"
            )
        rows = [item.embedding for item in sorted(items, key=lambda item: item.index)]
        if len(set(map(len, rows))) != 1:
            raise EmbedderError(f"{self._whose}: embeddings of different lengths came")
        return check_rows(np.array(rows, dtype=np.float64), len(texts), dimension, self._whose)


class _EmbeddingItem(msgspec.Struct):
    index: int
    embedding: Annotated[list[float], Meta(min_length=1)]


class _EmbeddingsResponse(msgspec.Struct):
    data: list[_EmbeddingItem]


def _batches(texts: Sequence[str], at_once: int) -> Iterator[list[str]]:
    """In order, each small enough for one call."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == at_once or characters + len(text) > CHARACTERS_AT_ONCE):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def _described(error: openai.OpenAIError) -> str:
    """One line: what happened, then the advice."""
    match error:
        case openai.APITimeoutError():
            return f"no answer within {TIMEOUT:g} s, tried {RETRIES + 1} times: is it overloaded?"
        case openai.APIConnectionError():
            return (
                f"no connection ({_cut(str(error.__cause__ or error))}): check the address and that it is up"
            )
        case openai.APIStatusError(status_code=401 | 403):
            return f"HTTP {error.status_code} ({_cut(error.message)}): check the key in {KEY}"
        case openai.APIStatusError(status_code=404):
            return (
                f"HTTP 404 ({_cut(error.message)}): check the address, which often ends in /v1, and the model"
            )
        case openai.APIStatusError():
            return f"HTTP {error.status_code} ({_cut(error.message)}), tried up to {RETRIES + 1} times"
        case _:
            return _cut(str(error))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _DETAIL else f"{line[:_DETAIL]}…"
