"""Problems: why a call has no answer, with the HTTP status, and what the client may do about it."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

import msgspec

from schemas.http import ProblemBody
from schemas.messages import Label
from schemas.secrets import masked
from streams.errors import StreamsError

_TYPE = "urn:understudy:problem:"
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
NOTHING: Mapping[str, str] = MappingProxyType({})
CLOSE: Mapping[str, str] = MappingProxyType({"connection": "close"})
"""Headers of a response to a call whose body is left unread."""


_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


class ProblemKind(Enum):
    """Status and title of each kind; its name in lower case is the last word of its `type`."""

    INVALID = (400, "The call can't be read")
    UNAUTHORIZED = (401, "No valid key")
    FORBIDDEN = (403, "The key does not allow this")
    NOT_FOUND = (404, "Not found")
    METHOD = (405, "Another method is needed")
    SLOW_BODY = (408, "The body came too slowly")
    TOO_LARGE = (413, "The body is too large")
    CONFLICT = (409, "It can't be changed so now")
    CONTENT_TYPE = (415, "The body has to be JSON")
    UNUSABLE = (422, "The request can't be classified")
    ID_REUSED = (422, "The id was used for another request")
    BUSY = (429, "Too many requests at the same time")
    DEFECT = (500, "The gateway failed")
    TEACHER_FAILED = (502, "The teacher gave no label")
    UNKNOWN_LABEL = (422, "The task has no such label")
    UNAVAILABLE = (503, "Nobody can answer now")
    TIMEOUT = (504, "No label in time")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def title(self) -> str:
        return self.value[1]


class ClientGone(Exception):
    """The client has hung up: nobody reads an answer."""


class HttpProblem(StreamsError):
    """A call that ends without an answer.

    Attributes:
        headers: further ones of the response.
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        request: str | None = None,
        task: str | None = None,
        label: Label | None = None,
        headers: Mapping[str, str] = NOTHING,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = headers
        self.body = ProblemBody(
            type=_TYPE + kind.name.lower(),
            title=kind.title,
            status=kind.status,
            detail=masked(detail),
            id=request,
            task=task,
            label=label,
        )

    def encode(self) -> bytes:
        """As RFC 9457 has it."""
        return msgspec.json.encode(self.body)

    def encode_as_openai(self) -> bytes:
        """As OpenAI's API has it, for its clients."""
        kind, code = _OPENAI_TYPES.get(self.kind.status, "server_error"), self.kind.name.lower()
        error = {"message": self.body.detail, "type": kind, "param": None, "code": code}
        return msgspec.json.encode({"error": error})


def unavailable(
    detail: str,
    *,
    retry_after: float = 2.0,
    request: str | None = None,
    task: str | None = None,
    label: Label | None = None,
) -> HttpProblem:
    """Nobody can answer now.

    Args:
        retry_after: seconds until it is worth another try.
    """
    wait = {"retry-after": str(max(1, round(retry_after)))}
    return HttpProblem(ProblemKind.UNAVAILABLE, detail, request=request, task=task, label=label, headers=wait)


def seconds_to_new_day(now: int) -> float:
    """When a limit of the day is none any more: at 00:00 UTC. An hour at most, since it may be raised before.

    Args:
        now: Unix milliseconds.
    """
    return min(_HOUR_MS, _DAY_MS - now % _DAY_MS) / 1000.0
