"""Own page: whether a browser says that a call comes from a page of another origin.

Such a page can't read an answer, but may have the browser ask all the time for what costs much.
"""

from collections.abc import Mapping

from streams.gateway.problems import HttpProblem, ProblemKind

_OURS = frozenset({"same-origin", "none"})
"""Of our own page, and of an address that a person has typed; what is no browser says nothing."""


def refuse_other_pages(headers: Mapping[str, str], what: str) -> None:
    """Raises HttpProblem: a page of another origin asks.

    Args:
        what: it may not do, as in `change anything`.
    """
    if headers.get("sec-fetch-site", "none") not in _OURS:
        raise HttpProblem(ProblemKind.FORBIDDEN, f"a page of another origin may not {what}")
