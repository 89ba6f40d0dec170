"""Tells failed calls of the teacher apart: what passes, what stays with this text, and what to do about it.

What stays is what the endpoint says of this text: 400, 413, 414, 422 and 431. All else passes, also a refused
key or an unknown model: the operator mends those, and requests that wait meanwhile must not become errors.
"""

import time

import msgspec
import openai
from msgspec import Struct

from models.api_failures import FailureAdvice, describe_failure, quoted_message
from schemas.config import TeacherConfig
from streams.errors import TeacherAway, TeacherError, TeacherFailed, TeacherMisconfigured
from streams.teacher.answer import quote
from streams.teacher.outcome import FailureKind
from streams.teacher.retry_after import retry_after

_STAYS = frozenset({400, 413, 414, 422, 431})
_LIMITED = frozenset({429, 498})
_OVERLOADED = frozenset({409, 425})
_TIMED_OUT = 408
_MISCONFIGURED_CODES = frozenset({"invalid_api_key", "API_KEY_INVALID", "model_not_found"})
"""Codes of a 400 that speak of the settings and not of the text."""
_TOO_LONG_CODES = frozenset(
    {"context_length_exceeded", "string_above_max_length", "exceed_context_size_error"}
)
_TOO_LONG_WORDS = (
    "maximum context length",
    "available context size",
    "context window",
    "prompt is too long",
    "input is too long",
    "input token count",
    "string too long",
)
_FILTERED_CODES = frozenset({"content_filter", "content_policy_violation", "data_inspection_failed"})


class _EmbeddedError(Struct):
    code: int
    message: str = ""


class _ErrorInBody(Struct):
    error: _EmbeddedError


def call_failure(
    error: openai.OpenAIError | UnicodeError, asked: str, config: TeacherConfig, timeout: float
) -> TeacherError:
    """What a failed call means for the request.

    Args:
        asked: whom; begins the sentence.
        timeout: seconds that the call might take.
    """
    sentence = f"{asked}: {describe_failure(error, _advice(config, timeout))}"
    match error:
        case openai.APITimeoutError():
            return TeacherAway(sentence, FailureKind.TIMED_OUT)
        case openai.APIConnectionError():
            return TeacherAway(sentence, FailureKind.UNREACHABLE)
        case openai.APIStatusError():
            return _status_failure(error, sentence, asked)
        case UnicodeEncodeError(encoding="utf-8"):
            return TeacherFailed(f"{asked}: the text is not Unicode that can be sent: {error}")
        case UnicodeError():
            return TeacherMisconfigured(sentence)
        case _:
            return TeacherAway(sentence, FailureKind.SERVER_ERROR)


def timed_out(asked: str, config: TeacherConfig, timeout: float) -> TeacherAway:
    """The call has taken all the time that it may take, in seconds."""
    advice = _advice(config, timeout).timed_out
    return TeacherAway(f"{asked}: no answer within {timeout:g} s: {advice}", FailureKind.TIMED_OUT)


def reply_failure(body: bytes, asked: str, what: str) -> TeacherError:
    """What a reply means that came with status 200 and is no answer.

    Some gateways send an error that way, with its status inside. All else is a wrong URL or a proxy's page.

    Args:
        what: was not understood.
    """
    try:
        error = msgspec.json.decode(body, type=_ErrorInBody).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = quote(body.decode(errors="replace"))
        return TeacherMisconfigured(
            f"{asked}: the reply is {what}: {said}; `teacher.url` has to be the API's base URL, which often "
            f"ends in /v1"
        )
    sentence = f"{asked}: error {error.code} in a reply with status 200 ({quote(error.message)})"
    return TeacherFailed(sentence) if error.code in _STAYS else TeacherAway(sentence, _kind(error.code))


def has_another_cause(error: openai.APIStatusError) -> bool:
    """Whether a refusal names a cause that is no parameter: the text's length or content, key, model."""
    return is_too_long(error) or is_filtered(error) or error.code in _MISCONFIGURED_CODES


def is_too_long(error: openai.APIStatusError) -> bool:
    """Whether the endpoint refuses the text for its length."""
    said = error.message.lower()
    return (
        error.status_code in (413, 414)
        or error.code in _TOO_LONG_CODES
        or error.type in _TOO_LONG_CODES
        or (error.status_code == 400 and any(words in said for words in _TOO_LONG_WORDS))
    )


def is_filtered(error: openai.APIStatusError) -> bool:
    """Whether the endpoint refuses the text for what it says."""
    return error.code in _FILTERED_CODES


def _status_failure(error: openai.APIStatusError, sentence: str, asked: str) -> TeacherError:
    status = error.status_code
    if is_filtered(error):
        return TeacherFailed(f"{sentence}; refused by its content filter")
    if is_too_long(error):
        return TeacherFailed(
            f"{asked}: the text is too long for it, HTTP {status} ({quoted_message(error)}): "
            f"shorten the text, or use a `teacher.model` that takes more"
        )
    if status in _STAYS and error.code not in _MISCONFIGURED_CODES:
        return TeacherFailed(sentence)
    wait = retry_after(error.response.headers, time.time())
    return TeacherAway(sentence, _kind(status), wait)


def _kind(status: int) -> FailureKind:
    if status in _LIMITED:
        return FailureKind.RATE_LIMITED
    if status == _TIMED_OUT:
        return FailureKind.TIMED_OUT
    if status >= 500 or status in _OVERLOADED:
        return FailureKind.SERVER_ERROR
    return FailureKind.MISCONFIGURED


def _advice(config: TeacherConfig, timeout: float) -> FailureAdvice:
    return FailureAdvice(
        timeout=timeout,
        retries=0,
        timed_out="raise `teacher.timeout`, or lower `teacher.concurrency` if the endpoint is overloaded",
        unreachable="check `teacher.url` and that it is up",
        unauthorized=f"check the key in the environment variable {config.key_env} (`teacher.key_env`)",
        not_found="check `teacher.url`, which often ends in /v1, and `teacher.model`",
        rate_limited="lower `teacher.concurrency`, or raise the quota",
        conflict="look at the endpoint's log",
        server_error="look at the endpoint's log",
        rejected="check `teacher.model`, `teacher.temperature` and `teacher.prompt`, and the text's length",
        other="check the settings under `teacher`",
    )
