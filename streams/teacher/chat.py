"""Chat completions: what the model said, read from the body of a reply."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.messages import Usage
from streams.errors import TeacherFailed
from streams.teacher.address import Address
from streams.teacher.confidence import TokenLogprob
from streams.teacher.failures import reply_failure


class ModelOutput(Struct, frozen=True):
    """What the model said, as it said it.

    Attributes:
        usage: tokens, where the endpoint counts them.
        tokens: what it said token by token, where the endpoint gives log probabilities.
        cut_off: whether it had to stop at the limit of tokens.
    """

    text: str
    usage: Usage | None
    tokens: tuple[TokenLogprob, ...] = ()
    cut_off: bool = False


class _AnswerMessage(Struct):
    content: str | None = None
    refusal: str | None = None


class _Logprobs(Struct):
    content: tuple[TokenLogprob, ...] | None = None


class _AnswerChoice(Struct):
    message: _AnswerMessage
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class _PromptDetails(Struct):
    cached_tokens: int | None = None


class _ChatTokens(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _LlmCompletion(Struct):
    choices: Annotated[list[_AnswerChoice], Meta(min_length=1)]
    usage: _ChatTokens | None = None


def parse_completion(body: bytes, address: Address) -> ModelOutput:
    """What the model said.

    Raises:
        TeacherFailed: the endpoint's content filter has cut it out.
        TeacherError: the body is an error with a status of its own, or no chat completion.
    """
    try:
        completion = msgspec.json.decode(body, type=_LlmCompletion)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise reply_failure(body, str(address), f"not a chat completion ({error})") from error
    choice = completion.choices[0]
    if choice.finish_reason == "content_filter":
        raise TeacherFailed(f"{address}: the answer was refused by its content filter")
    return ModelOutput(
        choice.message.content or choice.message.refusal or "",
        _usage(completion.usage),
        _logprobs(choice.logprobs),
        choice.finish_reason == "length",
    )


def _usage(tokens: _ChatTokens | None) -> Usage | None:
    if tokens is None:
        return None
    details = tokens.prompt_tokens_details
    cached = details.cached_tokens if details else None
    return Usage(tokens.prompt_tokens or 0, tokens.completion_tokens or 0, cached or 0)


def _logprobs(raw: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    """None where they are not as expected: the answer counts all the same."""
    try:
        logprobs = msgspec.json.decode(raw, type=_Logprobs | None)
    except msgspec.DecodeError:
        return ()
    return (logprobs.content or ()) if logprobs else ()
