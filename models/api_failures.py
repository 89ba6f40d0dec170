"""Describes failed calls of an OpenAI-compatible API in one line: what happened, then what to do."""

from dataclasses import dataclass

import openai

_LONGEST_DETAIL = 300
_SHORTEST_KEY = 8
"""Characters; a shorter one is a placeholder, and may be a word of the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureAdvice:
    """How calls of one API are made, and what to do about each failure.

    Attributes:
        timeout: seconds that a try may take.
        retries: further tries after a failed one.
        timed_out, unreachable, other: what to do if no answer comes, no connection, or anything else fails.
        unauthorized, not_found, rate_limited, conflict, server_error, rejected: what to do about a status of
            401 or 403, 404, 429, 408 or 409, 5xx, any other.
    """

    timeout: float
    retries: int
    timed_out: str
    unreachable: str
    unauthorized: str
    not_found: str
    rate_limited: str
    conflict: str
    server_error: str
    rejected: str
    other: str

    @property
    def tries(self) -> str:
        return f"tried up to {self.retries + 1} times" if self.retries else "tried once"


def describe_failure(error: openai.OpenAIError | UnicodeError, advice: FailureAdvice) -> str:
    """One line: what happened, then the advice."""
    match error:
        case openai.APITimeoutError():
            return f"no answer within {advice.timeout:g} s, {advice.tries}: {advice.timed_out}"
        case openai.APIConnectionError():
            return f"no connection ({_cause(error)}), {advice.tries}: {advice.unreachable}"
        case openai.APIStatusError():
            return f"HTTP {error.status_code} ({quoted_message(error)}): {_advice(error.status_code, advice)}"
        case UnicodeError():
            return f"no such host or text ({_cut(str(error))}): {advice.unreachable}"
        case _:
            return f"{_cut(str(error))}: {advice.other}"


def quoted_message(error: openai.APIStatusError) -> str:
    """What the API says, in one line, cut off, and without the key that it was sent: some repeat it."""
    key = error.request.headers.get("authorization", "").partition(" ")[2].strip()
    return _cut(error.message.replace(key, "***") if len(key) >= _SHORTEST_KEY else error.message)


def _advice(status: int, advice: FailureAdvice) -> str:
    match status:
        case 401 | 403:
            return advice.unauthorized
        case 404:
            return advice.not_found
        case 429:
            return f"{advice.tries}; {advice.rate_limited}"
        case 408 | 409:
            return f"{advice.tries}; {advice.conflict}"
        case _ if status >= 500:
            return f"{advice.tries}; {advice.server_error}"
        case _:
            return advice.rejected


def _cause(error: openai.APIConnectionError) -> str:
    cause = error.__cause__
    return _cut(str(cause) or type(cause).__name__) if cause is not None else _cut(error.message)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_DETAIL else f"{line[:_LONGEST_DETAIL]}…"
