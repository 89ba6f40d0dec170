"""Reading rights: what a key has to be for, besides the task, to be shown more than counts."""

from collections.abc import Mapping

from streams.gateway.caller_check import Caller
from streams.gateway.own_page import refuse_other_pages
from streams.gateway.problems import HttpProblem, ProblemKind


def require_serving(caller: Caller) -> None:
    """Raises HttpProblem: the caller's key is only for being recorded, so that it may have no label.

    One that may operate looks at labels whatever its own calls are given.
    """
    if caller.mode != "serve" and not caller.may_operate:
        raise HttpProblem(
            ProblemKind.FORBIDDEN, f"the key is for the mode {caller.mode}, and labels are for `serve`"
        )


def may_read_texts(caller: Caller) -> bool:
    """Whether the caller may read texts that others have sent: no key of an app may."""
    return caller.may_operate


def require_texts(caller: Caller, headers: Mapping[str, str]) -> None:
    """Raises HttpProblem: the caller may not read texts that others have sent, as the key of an app.

    They are read by GET, which a page of another site may have a browser send, though it can't read the
    answer: it would have the gateway read topics all the time.
    """
    refuse_other_pages(headers, "have texts read")
    if not may_read_texts(caller):
        raise HttpProblem(
            ProblemKind.FORBIDDEN,
            "texts of requests are for those who may operate: `understudy keys create NAME --operate`",
        )
