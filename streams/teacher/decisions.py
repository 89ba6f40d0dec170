"""Decisions: what the teacher asks an API for decisions, and the label that was chosen."""

from collections.abc import Mapping
from typing import Any

from models.decision_api import DECISIONS_API, QUESTION, SYSTEM_ONE_API, DecisionApi
from models.errors import UnreadableDecision
from schemas.config import TeacherConfig
from schemas.messages import Usage
from streams.errors import TeacherFailed, UnreadableAnswer
from streams.teacher.answer import quote
from streams.teacher.choice import ChosenLabel, choice_instructions, choices_of, within_one
from streams.teacher.failures import reply_failure
from streams.teacher.known_labels import known_descriptions


def decision_api(config: TeacherConfig) -> DecisionApi:
    """The API that the config names."""
    return SYSTEM_ONE_API if config.api == "systemone" else DECISIONS_API


def decision_request(text: str, config: TeacherConfig) -> Mapping[str, Any]:
    """The text, and one question about it: the labels as choices with their descriptions.

    Raises:
        TeacherMisconfigured: the API does not take so few or so many labels.
    """
    api = decision_api(config)
    question = api.questions(choice_instructions(config), choices_of(config), known_descriptions(config))
    return {api.text: text, **question}


def parse_decision(api: DecisionApi, body: bytes, asked: str, question: str = QUESTION) -> ChosenLabel:
    """The label that was chosen, as it was sent.

    Args:
        asked: who, for messages.
        question: its name, where it has one.

    Raises:
        TeacherFailed: the model declined to answer.
        UnreadableAnswer: the answer is no choice.
        TeacherError: the body is an error with a status of its own, or no decision.
    """
    try:
        decision = api.read(body, question)
    except UnreadableDecision as error:
        raise reply_failure(body, asked, str(error)) from error
    if decision.kind == "refusal":
        raise TeacherFailed(f"{asked}: the model declined to answer")
    if decision.choice is None:
        raise UnreadableAnswer(f"the model gave {quote(decision.kind)} where one of the labels was due")
    probability = decision.probabilities.get(decision.choice, decision.confidence)
    return ChosenLabel(
        decision.choice,
        None if probability is None else within_one(probability),
        None if decision.tokens is None else Usage(*decision.tokens),
    )
