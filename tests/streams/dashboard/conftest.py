"""The browser in which the dashboard is looked at."""

from tests.browser import browser

__all__ = ["browser"]
