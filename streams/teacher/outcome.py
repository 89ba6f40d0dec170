"""The outcome of asking the teacher once: a reply that is final, or a failure that passes.

A failure passes if another attempt with the same text may succeed: limits, outages, and settings that the
operator can mend. Then nothing has been decided about the request, and it waits.
"""

from dataclasses import dataclass
from enum import StrEnum

from schemas.messages import Usage


class FailureKind(StrEnum):
    """Why an attempt failed that may succeed later.

    Attributes:
        RATE_LIMITED: the endpoint refuses calls beyond a limit or quota (429, 498).
        TIMED_OUT: no answer within the time that a call may take (also 408).
        UNREACHABLE: no connection, or a lost one.
        SERVER_ERROR: the endpoint failed (5xx, 409, 425).
        MISCONFIGURED: a URL, a model, a key or a prompt is missing or wrong (401, 402, 403, 404, a reply that
            is none of this API). It lasts until someone mends it.
    """

    RATE_LIMITED = "rate_limited"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class TryLater:
    """No reply yet: the attempt failed in a way that passes.

    Attributes:
        why: one sentence for people; says what to do.
        retry_after: seconds that the endpoint asks to wait, >= 0; None where it does not say.
        usage: tokens that the attempt cost all the same; None where none are known.
    """

    why: str
    kind: FailureKind
    retry_after: float | None = None
    usage: Usage | None = None
