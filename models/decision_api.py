"""APIs for decisions: a question whose answer is one of the labels, and how likely each of them is.

OpenAI's is `POST /v1/decisions`; `POST /v1/systemone`, of models that choose and write no text, is served by
TypeSafe, Ollama and others. A call asks one question here. The teacher takes the label that was chosen, an
encoder the probabilities of all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from models.errors import UnreadableDecision

MOST_LABELS = 255
"""That a question takes; two is the least."""

QUESTION = "label"
"""Name of the question, where questions have names."""


class DecisionTokens(NamedTuple):
    """Tokens of a call; `cached` are among those of the input."""

    input: int
    output: int
    cached: int


class LabelDecision(NamedTuple):
    """The answer to a question.

    Attributes:
        kind: as the model gives it: `choice`, or another where it made none.
        choice: label that was chosen; None where none was.
        confidence: in the choice, where the endpoint gives one.
        probabilities: of labels, as far as the endpoint gives them.
        tokens: None where the endpoint does not count them.
    """

    kind: str
    choice: str | None
    confidence: float | None
    probabilities: Mapping[str, float]
    tokens: DecisionTokens | None


@dataclass(frozen=True, slots=True)
class DecisionApi:
    """Attributes:
    path: below the base URL.
    text: name of the text in a call.
    question: the question in a call, of instructions, labels and descriptions of some of these.
    answer: the answer to the question of a name in a reply; raises what `msgspec` does.
    """

    path: str
    text: str
    question: Callable[[str, Sequence[str], Mapping[str, str]], Any]
    answer: Callable[[bytes, str], LabelDecision]

    def questions(
        self, instructions: str, labels: Sequence[str], descriptions: Mapping[str, str]
    ) -> dict[str, Any]:
        """The part of a call that is the same for all texts."""
        return {"questions": self.question(instructions, labels, descriptions)}

    def read(self, body: bytes, question: str = QUESTION) -> LabelDecision:
        """The answer in a reply. Raises UnreadableDecision."""
        try:
            return self.answer(body, question)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableDecision(f"no decision ({error})") from error


class _InputDetails(Struct):
    cached_tokens: int | None = None


class _Tokens(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None


class _LabelProbability(Struct):
    value: str | bool
    probability: float


class _DecisionAnswer(Struct):
    type: str = ""
    choice: str | bool | None = None
    confidence: float | None = None
    probabilities: tuple[_LabelProbability, ...] = ()


class _DecisionsReply(Struct):
    answers: Annotated[list[_DecisionAnswer], Meta(min_length=1)]
    usage: _Tokens | None = None


class _SystemOneAnswer(Struct):
    type: str = ""
    choice: str | None = None
    confidence: float | None = None
    probabilities: dict[str, float] = {}


class _SystemOneReply(Struct):
    answers: dict[str, _SystemOneAnswer]
    usage: _Tokens | None = None


def _ask_decisions(instructions: str, labels: Sequence[str], descriptions: Mapping[str, str]) -> Any:
    choices = [
        {"value": label} | ({"description": descriptions[label]} if label in descriptions else {})
        for label in labels
    ]
    return [{"type": "choice", "instructions": instructions, "choices": choices}]


def _ask_systemone(instructions: str, labels: Sequence[str], descriptions: Mapping[str, str]) -> Any:
    """A label without a description describes itself."""
    criteria = {label: descriptions.get(label, label) for label in labels}
    return {QUESTION: {"type": "choice", "instructions": instructions, "criteria": criteria}}


def _decisions_answer(body: bytes, _: str) -> LabelDecision:
    reply = msgspec.json.decode(body, type=_DecisionsReply)
    answer = reply.answers[0]
    return LabelDecision(
        answer.type,
        answer.choice if isinstance(answer.choice, str) else None,
        answer.confidence,
        {one.value: one.probability for one in answer.probabilities if isinstance(one.value, str)},
        _tokens(reply.usage),
    )


def _systemone_answer(body: bytes, question: str) -> LabelDecision:
    reply = msgspec.json.decode(body, type=_SystemOneReply)
    answer = reply.answers.get(question, _SystemOneAnswer())
    return LabelDecision(
        answer.type, answer.choice, answer.confidence, answer.probabilities, _tokens(reply.usage)
    )


def _tokens(usage: _Tokens | None) -> DecisionTokens | None:
    if usage is None:
        return None
    details = usage.input_tokens_details
    cached = details.cached_tokens if details else None
    return DecisionTokens(usage.input_tokens or 0, usage.output_tokens or 0, cached or 0)


DECISIONS_API = DecisionApi("/decisions", "input", _ask_decisions, _decisions_answer)
SYSTEM_ONE_API = DecisionApi("/systemone", "state", _ask_systemone, _systemone_answer)
