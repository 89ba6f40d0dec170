"""Reading rights: what a key has to be for, besides the task, to be shown more than counts."""

from streams.gateway.caller_check import Caller
from streams.gateway.problems import HttpProblem, ProblemKind


def require_serving(caller: Caller) -> None:
    """Raises HttpProblem: the caller's key is only for being recorded, so that it may have no label."""
    if caller.mode != "serve":
        raise HttpProblem(
            ProblemKind.FORBIDDEN, f"the key is for the mode {caller.mode}, and labels are for `serve`"
        )


def may_read_texts(caller: Caller) -> bool:
    """Whether the caller may read texts that others have sent."""
    return caller.key is None


def require_texts(caller: Caller) -> None:
    """Raises HttpProblem: the caller may not read texts that others have sent."""
    if not may_read_texts(caller):
        raise HttpProblem(
            ProblemKind.FORBIDDEN,
            "texts of requests are shown on this machine alone, while no app needs a key",
        )
