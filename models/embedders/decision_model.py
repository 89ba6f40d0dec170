"""`decisions:` and `systemone:`: what a decision model thinks of each label, as a vector.

Such a model chooses among labels in one pass and writes no text; the APIs are OpenAI's `POST /v1/decisions`
and `POST /v1/systemone`. The vector holds the logarithm of each label's probability, in the labels' order, so
that a linear surrogate can weigh them. Waiting, retries and the key are as in `models.embedders.endpoint`.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urlsplit

import httpx2
import msgspec
import numpy as np
import openai
from numpy.typing import NDArray

from models.api_failures import describe_failure
from models.embedders.contract import check_rows
from models.embedders.endpoint import ADVICE, CALLS_AT_ONCE, REFUSED, SHORTEST, open_client
from models.embedders.kinds import DECISIONS, SYSTEM_ONE
from models.embedders.prompt import Prompt
from models.errors import EmbedderError, TextRefused

MOST_LABELS = 255
LEAST = 1e-6
"""Probability that one below it counts as."""

_QUESTION = "label"
_FIRST = "a text"

Probabilities = Mapping[str, float]


class _LabelProbability(msgspec.Struct):
    value: str | bool
    probability: float


class _DecisionAnswer(msgspec.Struct):
    probabilities: list[_LabelProbability] = []


class _DecisionsReply(msgspec.Struct):
    answers: list[_DecisionAnswer]


class _SystemOneProbabilities(msgspec.Struct):
    probabilities: dict[str, float] = {}


class _SystemOneReply(msgspec.Struct):
    answers: dict[str, _SystemOneProbabilities]


def _decisions_question(prompt: Prompt) -> Mapping[str, Any]:
    described = dict(prompt.descriptions)
    choices = [
        {"value": label} | ({"description": described[label]} if label in described else {})
        for label in prompt.labels
    ]
    return {"questions": [{"type": "choice", "instructions": prompt.instruction, "choices": choices}]}


def _systemone_question(prompt: Prompt) -> Mapping[str, Any]:
    described = dict(prompt.descriptions)
    criteria = {label: described.get(label, label) for label in prompt.labels}
    question = {"type": "choice", "instructions": prompt.instruction, "criteria": criteria}
    return {"questions": {_QUESTION: question}}


def _read_decisions(body: bytes) -> Probabilities:
    answers = msgspec.json.decode(body, type=_DecisionsReply).answers
    shares = answers[0].probabilities if answers else []
    return {one.value: one.probability for one in shares if isinstance(one.value, str)}


def _read_systemone(body: bytes) -> Probabilities:
    answers = msgspec.json.decode(body, type=_SystemOneReply).answers
    return answers[_QUESTION].probabilities if _QUESTION in answers else {}


@dataclass(frozen=True, slots=True)
class DecisionApi:
    """Attributes:
    text: name of the text in a call.
    question: the rest of a call.
    read: the probabilities in an answer.
    """

    path: str
    text: str
    question: Callable[[Prompt], Mapping[str, Any]]
    read: Callable[[bytes], Probabilities]


APIS: Mapping[str, DecisionApi] = {
    DECISIONS: DecisionApi("/decisions", "input", _decisions_question, _read_decisions),
    SYSTEM_ONE: DecisionApi("/systemone", "state", _systemone_question, _read_systemone),
}


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
        self._api, self._labels = APIS[kind], prompt.labels
        self._body = {"model": model, **self._api.question(prompt)}
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
            probabilities = self._api.read(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EmbedderError(
                f"{self._whose}: response is no decision ({error}): the address must be the API's base URL"
            ) from error
        if not any(label in probabilities for label in self._labels):
            raise EmbedderError(
                f"{self._whose}: response has no probabilities of the labels, which the vector is made of"
            )
        shares = [probabilities.get(label, 0.0) for label in self._labels]
        return np.log(np.clip(np.array(shares, dtype=np.float64), LEAST, 1.0))
