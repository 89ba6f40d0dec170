"""The browser in which reports are looked at."""

from tests.browser import browser

__all__ = ["browser"]
