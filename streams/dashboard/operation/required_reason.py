"""The reason that a change by a person needs."""

from schemas.secrets import masked
from streams.changes.author import LONGEST_TEXT, is_reason
from streams.gateway.problems import HttpProblem, ProblemKind


def required_reason(text: str, task: str) -> str:
    """The reason as it is kept: without secrets. Raises HttpProblem: it says nothing, or is too long."""
    if not is_reason(text):
        why = f"say why, in a line of 1 to {LONGEST_TEXT} printable characters"
        raise HttpProblem(ProblemKind.INVALID, why, task=task)
    return masked(text.strip())
