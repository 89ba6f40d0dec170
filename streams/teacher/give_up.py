"""Until when a request waits for the teacher: as long as the config allows, or less if the client wishes.

A client sets the header `understudy-give-up-after` on its request: seconds from the request, a number above
zero. It can only shorten the time. A value that is none is ignored; of several the smallest counts.
"""

import math
from collections.abc import Iterable

from schemas.config import TeacherConfig
from schemas.messages import Deferral

HEADER = "understudy-give-up-after"


def give_up_at(
    deferral: Deferral, config: TeacherConfig, headers: Iterable[tuple[str, str | bytes | None]] = ()
) -> int:
    """The time from which on a failure that passes becomes the request's error, Unix milliseconds.

    No client waits for an audit or a second question: its wish does not count there.

    Args:
        headers: of the deferral's message.
    """
    if deferral.audit:
        return deferral.requested_at + math.ceil(config.audit_give_up_after * 1000.0)
    if deferral.first is not None:
        headers = ()
    wishes = [wish for name, value in headers if name == HEADER and (wish := _wish(value)) is not None]
    return deferral.requested_at + math.ceil(min([config.give_up_after, *wishes]) * 1000.0)


def _wish(value: str | bytes | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0.0 else None
