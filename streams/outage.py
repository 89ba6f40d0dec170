"""Outage of something that this process relies on: one line when it stops, and one when it goes on.

It stops at the first failure (warning) and goes on at the first success (info, with its `seconds`). While it
lasts, at most a line a minute says so again, as an error: what is short mends itself, what lasts does not.
"""

import logging
import time
from collections.abc import Callable, Hashable
from typing import Any

REMINDER = 60.0
"""Seconds between two lines about an outage that lasts."""

Clock = Callable[[], float]


class Outage:
    """For one caller at a time.

    Args:
        log: of the module that it is about.
        stopped, resumed: what the two lines begin with; constant, so that they can be searched for.
        clock: seconds, never going back.
        fields: what else both lines name, as `task`.
    """

    def __init__(
        self, log: logging.Logger, stopped: str, resumed: str, *, clock: Clock = time.monotonic, **fields: Any
    ) -> None:
        self._log = log
        self._stopped = stopped
        self._resumed = resumed
        self._clock = clock
        self._fields = tuple(fields.values())
        self._names = "".join(f" {name}=%s" for name in fields)
        self._since: float | None = None
        self._logged_at = 0.0
        self._changed_at = clock()

    @property
    def is_on(self) -> bool:
        return self._since is not None

    @property
    def seconds(self) -> float:
        """For how long it has been as it is: out, or working since this process knows of it."""
        return self._clock() - self._changed_at

    def note_failure(self, reason: object) -> None:
        """It does not work, for this reason."""
        now = self._clock()
        if self._since is None:
            self._since = self._logged_at = self._changed_at = now
            after = f",{self._names}" if self._names else ""
            self._log.warning(f"{self._stopped}: %s{after}", reason, *self._fields)
        elif now - self._logged_at >= REMINDER:
            self._logged_at = now
            seconds = round(now - self._since, 1)
            text = f"{self._stopped}, still: %s, seconds=%s{self._names}"
            self._log.error(text, reason, seconds, *self._fields)

    def note_success(self) -> None:
        """It works."""
        if self._since is not None:
            self._changed_at = self._clock()
            seconds, self._since = round(self._changed_at - self._since, 1), None
            self._log.info(f"{self._resumed}: seconds=%s{self._names}", seconds, *self._fields)


class Outages:
    """The same of several things; nothing is kept of what works."""

    def __init__(
        self, log: logging.Logger, stopped: str, resumed: str, clock: Clock = time.monotonic
    ) -> None:
        self._log = log
        self._stopped = stopped
        self._resumed = resumed
        self._clock = clock
        self._on: dict[Hashable, Outage] = {}

    def note_failure(self, key: Hashable, reason: object, **fields: Any) -> None:
        """That which has this key does not work; `fields` name it in the log."""
        outage = self._on.get(key)
        if outage is None:
            outage = Outage(self._log, self._stopped, self._resumed, clock=self._clock, **fields)
            self._on[key] = outage
        outage.note_failure(reason)

    def note_success(self, key: Hashable) -> None:
        """It works."""
        outage = self._on.pop(key, None)
        if outage is not None:
            outage.note_success()

    def forget(self, key: Hashable) -> None:
        """Nobody uses it any more."""
        self._on.pop(key, None)
