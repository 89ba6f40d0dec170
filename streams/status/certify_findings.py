"""Looks whether `certify` counts audits, without which nothing is certified and answers end."""

from schemas.redis_keys import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.state.guard import GuardStore
from streams.status.finding import Finding, Level

_ABOUT = "certify"


async def certify_findings(connection: Connection, keys: Keys) -> list[Finding]:
    """Whether it has counted all audits lately."""
    try:
        guard = await GuardStore(connection, keys).read()
    except StateUnavailable as error:
        return [Finding(Level.PROBLEM, _ABOUT, f"nobody knows whether it counts audits: {error}")]
    if guard is None:
        text = "has never counted audits here, so nothing is certified: start `understudy worker certify`"
        return [Finding(Level.WARNING, _ABOUT, text)]
    if not guard.is_fresh:
        text = (
            f"has not counted all audits for {guard.age:,.0f} s: nothing is certified, and after "
            "`guard_staleness` nothing is answered; start it again, and look at its log"
        )
        return [Finding(Level.PROBLEM, _ABOUT, text)]
    return [Finding(Level.OK, _ABOUT, f"has counted all audits up to {guard.age:.0f} s ago")]
