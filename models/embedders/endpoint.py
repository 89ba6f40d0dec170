"""`endpoint:` and `probe:`: vectors from a server with OpenAI's `/v1/embeddings`.

The `openai` client waits and retries: after a lost connection, a timeout or a status of 408, 409, 429 or 5xx
it tries again with exponential backoff and jitter, or after the time in `Retry-After`. A response is used
only if it is complete: one vector a text, all of the same length, all finite.

If the server refuses a batch, its halves are sent, so that one text can't make the others fail; a text that
is refused alone is cut to half its length until it fits. A probe's text is cut inside the prompt: the end of
the prompt, which the probe reads, is always sent.
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

from models.api_failures import FailureAdvice, describe_failure
from models.embedders.contract import check_rows
from models.embedders.kinds import ENDPOINT, PROBE
from models.embedders.prompt import Prompt
from models.errors import EmbedderError, TextRefused

KEY = "EMBEDDINGS_API_KEY"
"""Environment variable that holds the key; servers that need none get a placeholder."""

TEXTS_AT_ONCE = 64
PROMPTS_AT_ONCE = 8
CHARACTERS_AT_ONCE = 65_536
CALLS_AT_ONCE = 4
TIMEOUT = 20.0
RETRIES = 2
SHORTEST = 64
"""Characters; a text of this length or less is not refused for its length."""

REFUSED = (400, 413, 422)
ADVICE = FailureAdvice(
    timeout=TIMEOUT,
    retries=RETRIES,
    timed_out="the server may be overloaded",
    unreachable="check the address and that the server is up",
    unauthorized=f"check the key in {KEY}",
    not_found="check the address, which often ends in /v1, and the model",
    rate_limited="raise the server's quota, or encode fewer texts at a time",
    conflict="look at the server's log",
    server_error="look at the server's log",
    rejected="check the model and the length of the texts",
    other="check the address and the server",
)
Vectors = NDArray[np.float32]

_A_VECTOR_EACH = "Expected `float`, got `array`"
_NO_POOLING = (
    "it has a vector for each token: have the server pool one of them, for a probe that of the last token"
)
_NO_API = "the address must be the API's base URL, which often ends in /v1"


def open_client(url: str) -> openai.OpenAI:
    """A client of the API at this base URL, which waits and retries; nothing is sent yet."""
    key = os.environ.get(KEY) or "none"
    return openai.OpenAI(base_url=url, api_key=key, timeout=TIMEOUT, max_retries=RETRIES)


class EndpointEmbedder:
    """An encoder behind an HTTP address.

    Args:
        address: base URL of the API with the model as its fragment: `http://localhost:8080/v1#model`.
        render: gives the text to send for a text.
        name: see `Embedder.id`.
        at_once: most texts in a call.

    Raises:
        EmbedderError: the server gives no vector for a first text.
    """

    def __init__(self, address: str, render: Callable[[str], str], name: str, at_once: int) -> None:
        url, self._model = urldefrag(address)
        self.id = name
        self._whose = f"{name} at {urlsplit(url).hostname}"
        self._render = render
        self._at_once = at_once
        self._client = open_client(url)
        self._pool = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="embeddings")
        self.dimension = self._vectors(["a text"], None).shape[1]

    @classmethod
    def open(cls, address: str) -> "EndpointEmbedder":
        """An encoder that is sent texts unchanged; an empty one, which some servers refuse, as a space."""
        return cls(
            address, lambda text: text or " ", f"{ENDPOINT}:{urldefrag(address).fragment}", TEXTS_AT_ONCE
        )

    @classmethod
    def open_probe(cls, address: str, prompt: Prompt) -> "EndpointEmbedder":
        """An encoder that is sent the prompt with the text in it; its server pools the last token."""
        name = f"{PROBE}:{urldefrag(address).fragment}@{prompt.hash}"
        return cls(address, prompt.around, name, PROMPTS_AT_ONCE)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        batches = _batches(texts, self._at_once)
        parts = self._pool.map(lambda batch: self._vectors(batch, self.dimension), batches)
        return np.concatenate(list(parts))

    def _vectors(self, texts: list[str], dimension: int | None) -> Vectors:
        try:
            return self._request(texts, dimension)
        except openai.APIStatusError as error:
            failure = describe_failure(error, ADVICE)
            if error.status_code not in REFUSED:
                raise EmbedderError(f"{self._whose}: {failure}") from error
            if len(texts) == 1 and len(texts[0]) <= SHORTEST:
                raise TextRefused(f"{self._whose}: text refused: {failure}") from error
        except openai.OpenAIError as error:
            raise EmbedderError(f"{self._whose}: {describe_failure(error, ADVICE)}") from error
        if len(texts) == 1:
            return self._vectors([texts[0][: len(texts[0]) // 2]], dimension)
        half = len(texts) // 2
        return np.concatenate([self._vectors(part, dimension) for part in (texts[:half], texts[half:])])

    def _request(self, texts: list[str], dimension: int | None) -> Vectors:
        response = self._client.embeddings.with_raw_response.create(
            model=self._model, input=[self._render(text) for text in texts], encoding_format="float"
        )
        try:
            items = msgspec.json.decode(response.content, type=_EmbeddingsResponse).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            advice = _NO_POOLING if _A_VECTOR_EACH in str(error) else _NO_API
            raise EmbedderError(
                f"{self._whose}: response is not a list of embeddings ({error}): {advice}"
            ) from error
        if sorted(item.index for item in items) != list(range(len(texts))):
            raise EmbedderError(
                f"{self._whose}: response has {len(items)} embeddings for {len(texts)} texts, not one each"
            )
        rows = [item.embedding for item in sorted(items, key=lambda item: item.index)]
        if len(set(map(len, rows))) != 1:
            raise EmbedderError(f"{self._whose}: response has embeddings of different lengths")
        return check_rows(np.array(rows, dtype=np.float64), len(texts), dimension, self._whose)


class _EmbeddingItem(msgspec.Struct):
    index: int
    embedding: Annotated[list[float], Meta(min_length=1)]


class _EmbeddingsResponse(msgspec.Struct):
    data: list[_EmbeddingItem]


def _batches(texts: Sequence[str], at_once: int) -> Iterator[list[str]]:
    """Batches of texts in order, each small enough for one call."""
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
