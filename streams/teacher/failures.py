"""What an operator is told when a call has failed for good: what the endpoint did, what to do about it."""

import openai

from schemas.config import TeacherConfig
from streams.teacher.address import address_of

_LONGEST_DETAIL = 300


def describe_failure(error: openai.OpenAIError | UnicodeError, config: TeacherConfig) -> str:
    """One line: what happened, then the advice."""
    match error:
        case openai.APITimeoutError():
            return (
                f"no answer within {config.timeout:g} s, {_tries(config)}: "
                f"raise `teacher.timeout`, or lower `teacher.concurrency` if the endpoint is overloaded"
            )
        case openai.APIConnectionError():
            return f"no connection ({_cause(error)}), {_tries(config)}: check `teacher.url` and that it is up"
        case openai.APIStatusError():
            return f"HTTP {error.status_code} ({_cut(error.message)}): {_advice(error.status_code, config)}"
        case UnicodeError():
            return f"no such host or text ({_cut(str(error))}): check `teacher.url`"
        case _:
            return f"{_cut(str(error))}: check the settings under `teacher`"


def is_overdue(asking: float, deadline: float, config: TeacherConfig) -> str:
    """The deadline passed; `asking` seconds of it with a slot, the others waiting for one."""
    waiting = max(deadline - asking, 0.0)
    return (
        f"{address_of(config)}: no answer within {deadline:g} s, {waiting:.1f} s of them spent waiting for "
        f"one of {config.concurrency} slots: raise `teacher.concurrency` or send a worker fewer deferrals "
        f"at once; if it was not the waiting, lower `teacher.timeout` or `teacher.retries`"
    )


def _advice(status: int, config: TeacherConfig) -> str:
    match status:
        case 401 | 403:
            return f"check the key in the environment variable {config.key_env} (`teacher.key_env`)"
        case 404:
            return "check `teacher.url`, which often ends in /v1, and `teacher.model`"
        case 429:
            return f"{_tries(config)}; lower `teacher.concurrency`, raise `teacher.retries` or the quota"
        case 408 | 409:
            return f"{_tries(config)}; raise `teacher.retries`"
        case _ if status >= 500:
            return f"{_tries(config)}; look at the endpoint's log, or raise `teacher.retries`"
        case _:
            return "check `teacher.model`, `teacher.temperature` and `teacher.prompt`, and the text's length"


def _tries(config: TeacherConfig) -> str:
    return f"tried up to {config.retries + 1} times" if config.retries else "tried once"


def _cause(error: openai.APIConnectionError) -> str:
    cause = error.__cause__
    return _cut(str(cause) or type(cause).__name__) if cause is not None else _cut(error.message)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_DETAIL else f"{line[:_LONGEST_DETAIL]}…"
