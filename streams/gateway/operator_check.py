"""Operator check: who may change tasks over HTTP. Reading takes less (`streams.gateway.caller_check`).

A key needs the right to operate; without any keys, a caller of this machine has it, as on the command line.
No page of another origin gets through, not even one that `cors_origins` lets call: a change takes a header
that browsers send across origins only where the gateway allows it, and what they say of their page has to
fit.
"""

from collections.abc import Mapping

from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.own_page import refuse_other_pages
from streams.gateway.problems import HttpProblem, ProblemKind

CHANGE_HEADER = "x-understudy-change"


def admit_operator(check: CallerCheck, headers: Mapping[str, str]) -> Caller:
    """Who changes something. Raises HttpProblem: nobody who may."""
    caller = check.admit(headers)
    if not caller.may_operate:
        raise HttpProblem(
            ProblemKind.FORBIDDEN,
            "the key may look and change nothing: `understudy keys create NAME --operate` makes one that may",
        )
    if CHANGE_HEADER not in headers:
        raise HttpProblem(ProblemKind.FORBIDDEN, f"a change needs the header {CHANGE_HEADER}")
    refuse_other_pages(headers, "change anything")
    origin = headers.get("origin")
    # A proxy may have changed the host's name; then the key, which no other page has, says enough.
    if caller.key is None and origin is not None and origin.partition("://")[2] != headers.get("host", ""):
        raise HttpProblem(ProblemKind.FORBIDDEN, "a page of another origin may not change anything")
    return caller
