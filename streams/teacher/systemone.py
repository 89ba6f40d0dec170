"""System One: an API of decision models, which choose among described options and write no text.

It is served by TypeSafe, Ollama and others as `POST /v1/systemone`: named questions about a state. The one
question that the built-in teacher asks is called `label`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from schemas.config import TeacherConfig
from schemas.messages import Usage
from streams.errors import UnreadableAnswer
from streams.teacher.answer import quote
from streams.teacher.choice import ChosenLabel, choice_instructions, choices_of, within_one
from streams.teacher.failures import reply_failure
from streams.teacher.known_labels import known_descriptions

PATH = "/systemone"
_QUESTION = "label"


def systemone_request(text: str, config: TeacherConfig) -> Mapping[str, Any]:
    """The text as the state, and the labels as criteria; one without a description describes itself.

    Raises:
        TeacherMisconfigured: the API does not take so few or so many labels.
    """
    described = known_descriptions(config)
    criteria = {label: described.get(label, label) for label in choices_of(config)}
    question = {"type": "choice", "instructions": choice_instructions(config), "criteria": criteria}
    return {"state": text, "questions": {_QUESTION: question}}


class _SystemOneAnswer(Struct):
    type: str = ""
    choice: str | None = None
    confidence: float | None = None
    probabilities: dict[str, float] = {}


class _Tokens(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _SystemOneReply(Struct):
    answers: dict[str, _SystemOneAnswer]
    usage: _Tokens | None = None


def parse_systemone(body: bytes, asked: str, question: str = _QUESTION) -> ChosenLabel:
    """The label that was chosen, as it was sent.

    Args:
        asked: who, for messages.
        question: its name.

    Raises:
        UnreadableAnswer: the answer is no choice.
        TeacherError: the body is an error with a status of its own, or no decision.
    """
    try:
        decision = msgspec.json.decode(body, type=_SystemOneReply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise reply_failure(body, asked, f"not a decision ({error})") from error
    answer = decision.answers.get(question, _SystemOneAnswer())
    if answer.choice is None:
        raise UnreadableAnswer(f"the model gave {quote(answer.type)} where one of the labels was due")
    probability = answer.probabilities.get(answer.choice, answer.confidence)
    tokens = decision.usage
    return ChosenLabel(
        answer.choice,
        None if probability is None else within_one(probability),
        None if tokens is None else Usage(tokens.input_tokens or 0, tokens.output_tokens or 0),
    )
