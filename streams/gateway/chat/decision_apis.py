"""Decision APIs: an answer is one of the choices that the call lists, with the probability of each.

Of a surrogate's answer only the probability that the LLM agrees is known: the others share the rest evenly.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from models.decision_api import DECISIONS_API, SYSTEM_ONE_API
from streams.errors import TeacherError, UnreadableAnswer
from streams.gateway.chat.answer_api import JSON, AnswerBody
from streams.gateway.chat.completion import SurrogateCompletion
from streams.gateway.chat.forms import AssistantMessage
from streams.gateway.chat.upstream_reply import UpstreamReply
from streams.teacher.choice import ChosenLabel
from streams.teacher.decisions import parse_decision

_ASKED = "the LLM"
_NO_TOKENS: dict[str, Any] = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


@dataclass(frozen=True, slots=True)
class DecisionsApi:
    """OpenAI's decisions, with one question.

    Attributes:
        values: that may be chosen.
        name: of the question, where it has one.
    """

    values: tuple[str, ...]
    name: str | None

    def write(self, completion: SurrogateCompletion) -> AnswerBody:
        shares = _probabilities(completion, self.values)
        answer = {
            "type": "choice",
            "name": self.name,
            "choice": completion.message.content,
            "confidence": completion.score,
            "probabilities": [{"value": value, "probability": share} for value, share in shares.items()],
        }
        body = {"answers": [answer], "model": completion.model, "usage": _NO_TOKENS}
        return AnswerBody(msgspec.json.encode(body), JSON)

    def read(self, plain: bytes) -> UpstreamReply:
        try:
            return _reply(parse_decision(DECISIONS_API, plain, _ASKED))
        except TeacherError as error:
            raise UnreadableAnswer(str(error)) from error


@dataclass(frozen=True, slots=True)
class SystemOneApi:
    """The System One API, with one question.

    Attributes:
        values: that may be chosen.
        name: of the question.
    """

    values: tuple[str, ...]
    name: str

    def write(self, completion: SurrogateCompletion) -> AnswerBody:
        answer = {
            "type": "choice",
            "choice": completion.message.content,
            "confidence": completion.score,
            "probabilities": _probabilities(completion, self.values),
        }
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        body = {"model": completion.model, "answers": {self.name: answer}, "usage": usage}
        return AnswerBody(msgspec.json.encode(body), JSON)

    def read(self, plain: bytes) -> UpstreamReply:
        try:
            return _reply(parse_decision(SYSTEM_ONE_API, plain, _ASKED, self.name))
        except TeacherError as error:
            raise UnreadableAnswer(str(error)) from error


def _probabilities(completion: SurrogateCompletion, values: tuple[str, ...]) -> dict[str, float]:
    """By value, in the order of the call; they add up to 1."""
    chosen = completion.message.content
    rest = (1.0 - completion.score) / max(1, len(set(values)) - 1)
    return {value: completion.score if value == chosen else rest for value in values}


def _reply(chosen: ChosenLabel) -> UpstreamReply:
    return UpstreamReply(AssistantMessage(chosen.label), chosen.usage, chosen.confidence)
