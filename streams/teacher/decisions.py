"""Decisions: an API that answers a question with one of the labels, and says how likely each of them is."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from schemas.config import TeacherConfig
from schemas.messages import Usage
from streams.errors import TeacherFailed, UnreadableAnswer
from streams.teacher.answer import quote
from streams.teacher.choice import ChosenLabel, choice_instructions, choices_of, within_one
from streams.teacher.failures import reply_failure
from streams.teacher.known_labels import known_descriptions

PATH = "/decisions"


def decision_request(text: str, config: TeacherConfig) -> Mapping[str, Any]:
    """The text, and one question about it: the labels as choices with their descriptions.

    Raises:
        TeacherMisconfigured: the API does not take so few or so many labels.
    """
    described = known_descriptions(config)
    choices = [_choice(label, described.get(label)) for label in choices_of(config)]
    question = {"type": "choice", "instructions": choice_instructions(config), "choices": choices}
    return {"input": text, "questions": [question]}


class _Probability(Struct):
    value: str | bool
    probability: float


class _ChoiceAnswer(Struct):
    type: str
    choice: str | bool | None = None
    confidence: float | None = None
    probabilities: tuple[_Probability, ...] = ()


class _InputDetails(Struct):
    cached_tokens: int | None = None


class _DecisionTokens(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None


class _DecisionReply(Struct):
    answers: Annotated[list[_ChoiceAnswer], Meta(min_length=1)]
    usage: _DecisionTokens | None = None


def parse_decision(body: bytes, asked: str) -> ChosenLabel:
    """The label that was chosen, as it was sent.

    Args:
        asked: who, for messages.

    Raises:
        TeacherFailed: the model declined to answer.
        UnreadableAnswer: the answer is no choice.
        TeacherError: the body is an error with a status of its own, or no decision.
    """
    try:
        decision = msgspec.json.decode(body, type=_DecisionReply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise reply_failure(body, asked, f"not a decision ({error})") from error
    answer = decision.answers[0]
    if answer.type == "refusal":
        raise TeacherFailed(f"{asked}: the model declined to answer")
    if not isinstance(answer.choice, str):
        raise UnreadableAnswer(f"the model gave {quote(answer.type)} where one of the labels was due")
    return ChosenLabel(answer.choice, _probability(answer), _usage(decision.usage))


def _choice(label: str, description: str | None) -> dict[str, str]:
    return {"value": label} if description is None else {"value": label, "description": description}


def _probability(answer: _ChoiceAnswer) -> float | None:
    for one in answer.probabilities:
        if one.value == answer.choice:
            return within_one(one.probability)
    return None if answer.confidence is None else within_one(answer.confidence)


def _usage(tokens: _DecisionTokens | None) -> Usage | None:
    if tokens is None:
        return None
    details = tokens.input_tokens_details
    cached = details.cached_tokens if details else None
    return Usage(tokens.input_tokens or 0, tokens.output_tokens or 0, cached or 0)
