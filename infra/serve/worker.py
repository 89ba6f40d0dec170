"""Runs a Faust worker of some roles until it is stopped or fails.

SIGTERM and SIGINT stop it in good order. A worker that can't continue ends with status 1; a supervisor should
restart it.
"""

import logging
from collections.abc import Iterable

import faust

from streams.app import Understudy, create_app
from streams.settings import Role, Settings

log = logging.getLogger(__name__)


def run(settings: Settings, roles: Iterable[Role]) -> None:
    """Run until stopped; ends the process."""
    _FaustWorker(create_app(settings, roles)).execute_from_commandline()


class _FaustWorker(faust.Worker):
    """Says when it is ready in the log, without Faust's spinner."""

    def __init__(self, app: Understudy) -> None:
        super().__init__(app, loglevel="INFO", redirect_stdouts=False, override_logging=False)
        self.spinner = None

    async def on_startup_finished(self) -> None:
        log.info("the worker is ready")
