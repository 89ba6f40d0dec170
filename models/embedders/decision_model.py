"""`decisions:` and `systemone:`: what a decision model thinks of each label, as a vector.

Such a model chooses among labels in one pass and writes no text (`models.decision_api`). The vector holds the
logarithm of each label's probability, in the labels' order, so that a linear surrogate can weigh them.
Waiting, retries and the key are as in `models.embedders.endpoint`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urldefrag, urlsplit

import httpx2
import numpy as np
import openai
from numpy.typing import NDArray

from models.api_failures import describe_failure
from models.decision_api import DECISIONS_API, MOST_LABELS, SYSTEM_ONE_API
from models.embedders.contract import check_rows
from models.embedders.endpoint import ADVICE, CALLS_AT_ONCE, REFUSED, SHORTEST, open_client
from models.embedders.kinds import DECISIONS, SYSTEM_ONE
from models.embedders.prompt import Prompt
from models.errors import EmbedderError, TextRefused, UnreadableDecision

LEAST = 1e-6
"""Probability that one below it counts as."""

_FIRST = "a text"

_APIS = {DECISIONS: DECISIONS_API, SYSTEM_ONE: SYSTEM_ONE_API}


class DecisionEmbedder:
    """An encoder behind an API for decisions.

    Args:
        kind: `decisions` or `systemone`.
        address: base URL of the API with the model as its fragment.
        prompt: its instruction, labels and descriptions go to the model with each text.

    Raises:
        EmbedderError: too few or too many labels, or the server gives no probabilities for a first text.
    """

    def __init__(self, kind: str, address: str, prompt: Prompt) -> None:
        url, model = urldefrag(address)
        self.id = f"{kind}:{model}@{prompt.question_hash}"
        self._whose = f"{self.id} at {urlsplit(url).hostname}"
        if not 2 <= len(prompt.labels) <= MOST_LABELS:
            raise EmbedderError(
                f"{self._whose}: the task has {len(prompt.labels)} labels, must be 2 to {MOST_LABELS}: "
                "set `teacher.labels`"
            )
        self._api, self._labels = _APIS[kind], prompt.labels
        question = self._api.questions(prompt.instruction, prompt.labels, dict(prompt.descriptions))
        self._body = {"model": model, **question}
        self._client = open_client(url)
        self._pool = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="decisions")
        self.dimension = len(prompt.labels)
        self._row(_FIRST)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        rows = np.array(list(self._pool.map(self._row, texts)), dtype=np.float64)
        return check_rows(rows, len(texts), self.dimension, self._whose)

    def _row(self, text: str) -> NDArray[np.float64]:
        """The vector of a text, which is cut to half its length until the server takes it."""
        try:
            body = {**self._body, self._api.text: text or " "}
            response = self._client.post(self._api.path, cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            failure = describe_failure(error, ADVICE)
            if error.status_code not in REFUSED:
                raise EmbedderError(f"{self._whose}: {failure}") from error
            if len(text) <= SHORTEST:
                raise TextRefused(f"{self._whose}: text refused: {failure}") from error
        except openai.OpenAIError as error:
            raise EmbedderError(f"{self._whose}: {describe_failure(error, ADVICE)}") from error
        else:
            return self._vector(response.content)
        return self._row(text[: len(text) // 2])

    def _vector(self, body: bytes) -> NDArray[np.float64]:
        try:
            probabilities = self._api.read(body).probabilities
        except UnreadableDecision as error:
            raise EmbedderError(
                f"{self._whose}: response is {error}: the address must be the API's base URL"
            ) from error
        if not any(label in probabilities for label in self._labels):
            raise EmbedderError(
                f"{self._whose}: response has no probabilities of the labels, which the vector is made of"
            )
        shares = [probabilities.get(label, 0.0) for label in self._labels]
        return np.log(np.clip(np.array(shares, dtype=np.float64), LEAST, 1.0))
