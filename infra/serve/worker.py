"""Runs a Faust worker of some roles until it is stopped or fails.

SIGTERM and SIGINT stop it in good order. A worker that can't continue ends with status 1; a supervisor should
restart it.
"""

import asyncio
import logging
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

import faust

from streams.app import Understudy, create_app
from streams.settings import Role, Settings

log = logging.getLogger(__name__)

_FAST_LOOP = "uvloop"
"""There is none for Windows."""


def run(settings: Settings, roles: Iterable[Role]) -> None:
    """Run until stopped; ends the process."""
    use_fast_loop()
    _FaustWorker(create_app(settings, roles)).execute_from_commandline()


def use_fast_loop() -> None:
    """Make uvloop's event loop this thread's own, where it is installed: it serves HTTP with less CPU."""
    if find_spec(_FAST_LOOP) is not None:
        asyncio.set_event_loop(import_module(_FAST_LOOP).new_event_loop())


class _FaustWorker(faust.Worker):
    """Says when it is ready in the log, without Faust's spinner."""

    def __init__(self, app: Understudy) -> None:
        super().__init__(app, loglevel="INFO", redirect_stdouts=False, override_logging=False)
        self.spinner = None

    def _on_sigint(self) -> None:
        """Stop as on SIGTERM, without the line that Faust draws across the log."""
        self._on_sigterm()

    async def on_startup_finished(self) -> None:
        log.info("the worker is ready")
