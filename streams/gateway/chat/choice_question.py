"""Choice question: a call of an API for decisions that asks for one of the labels, which the call lists.

Calls with other questions, several ones, or fields that nobody knows here are forwarded.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schemas.chat import ChatConfig
from streams.gateway.chat.answer_api import AnswerApi
from streams.gateway.chat.conversation import Fields, NotAQuestion, read_conversation
from streams.gateway.chat.decision_apis import DecisionsApi, SystemOneApi
from streams.gateway.chat.forms import ListedChoice
from streams.gateway.chat.message_text import find_text
from streams.gateway.chat.question import ChatQuestion, prompt_hash
from streams.gateway.chat.signature import CallSignature, sign

_DECISIONS = frozenset(
    {"model", "input", "questions", "prompt_cache_key", "prompt_cache_options", "safety_identifier"}
)
_SYSTEM_ONE = frozenset({"model", "state", "questions"})
_CHOICE = frozenset({"type", "instructions", "name", "choices", "criteria"})


class _AskedChoice(NamedTuple):
    """Attributes:
    question: as it was sent.
    """

    api: AnswerApi
    question: Mapping[str, Any]
    values: tuple[str, ...]
    instructions: tuple[str, ...]
    message: str


def read_decision(call: Fields, config: ChatConfig, labels: Sequence[str]) -> ChatQuestion:
    """The question that a call of `/decisions` asks; arguments and errors as of `read_question`."""
    return _question(_decision(call), config, labels)


def read_systemone(call: Fields, config: ChatConfig, labels: Sequence[str]) -> ChatQuestion:
    """The question that a call of `/systemone` asks; arguments and errors as of `read_question`."""
    return _question(_systemone(call), config, labels)


def decision_signature(call: Fields) -> CallSignature:
    """The signature of a decision. Raises NotAQuestion."""
    return _signature(_decision(call))


def systemone_signature(call: Fields) -> CallSignature:
    """The signature of a System One decision. Raises NotAQuestion."""
    return _signature(_systemone(call))


def _question(asked: _AskedChoice, config: ChatConfig, labels: Sequence[str]) -> ChatQuestion:
    if not set(labels) <= set(asked.values):
        raise NotAQuestion("the call does not list all labels")
    found = None if config.text_in == "body" else find_text(asked.message, config)
    if found is None:
        raise NotAQuestion("`chat.text` or `chat.text_path` finds no text in the input")
    identity = {"instructions": asked.instructions, "question": asked.question, "rest": found.rest}
    return ChatQuestion(found.text, ListedChoice(asked.values), asked.api, prompt_hash(identity))


def _signature(asked: _AskedChoice) -> CallSignature:
    return sign(asked.instructions, {"question": asked.question}, "decision", asked.values)


def _decision(call: Fields) -> _AskedChoice:
    _require_known(call, _DECISIONS)
    questions = call.get("questions")
    if not isinstance(questions, list) or len(questions) != 1:
        raise NotAQuestion("the call asks more than one question")
    question = _choice(questions[0])
    listed = question.get("choices")
    choices = [one.get("value") if isinstance(one, Mapping) else None for one in _list(listed)]
    values, name = _values(choices), question.get("name")
    instructions, message = _input(call.get("input"))
    api = DecisionsApi(values, name if isinstance(name, str) else None)
    return _AskedChoice(api, question, values, instructions, message)


def _systemone(call: Fields) -> _AskedChoice:
    _require_known(call, _SYSTEM_ONE)
    questions, state = call.get("questions"), call.get("state")
    if not isinstance(questions, Mapping) or len(questions) != 1:
        raise NotAQuestion("the call asks more than one question")
    if not isinstance(state, str):
        raise NotAQuestion("the state is not one text")
    [(name, given)] = questions.items()
    question = _choice(given)
    criteria = question.get("criteria")
    values = _values(list(criteria) if isinstance(criteria, Mapping) else [])
    return _AskedChoice(SystemOneApi(values, name), {name: question}, values, (), state)


def _require_known(call: Fields, known: frozenset[str]) -> None:
    for name, value in call.items():
        if name not in known and value is not None:
            raise NotAQuestion(f"`{name}` asks for more than a label")


def _choice(question: Any) -> Mapping[str, Any]:
    if not isinstance(question, Mapping) or question.get("type") != "choice":
        raise NotAQuestion("the question is no choice")
    if not question.keys() <= _CHOICE:
        raise NotAQuestion("the question asks for more than a label")
    return question


def _values(listed: Sequence[Any]) -> tuple[str, ...]:
    if len(listed) < 2 or not all(isinstance(one, str) for one in listed):
        raise NotAQuestion("the choices are not two texts or more")
    return tuple(listed)


def _input(given: Any) -> tuple[tuple[str, ...], str]:
    """The instructions before the text, and the text."""
    if isinstance(given, str):
        return (), given
    return read_conversation([_message(one) for one in _list(given)])


def _message(given: Any) -> Any:
    """A message as chat completions have it; anything else as it is."""
    if not isinstance(given, Mapping) or given.get("type", "message") != "message":
        return given
    content = given.get("content")
    if isinstance(content, list):
        content = [
            {**part, "type": "text"}
            if isinstance(part, Mapping) and part.get("type") == "input_text"
            else part
            for part in content
        ]
    return {name: value for name, value in given.items() if name != "type"} | {"content": content}


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
