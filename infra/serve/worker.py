"""Runs a Faust worker of some roles until it is told to stop, or breaks.

SIGTERM and SIGINT end it in good order. A worker that can't go on ends with status 1: let a supervisor
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


def configure_logging(level: int = logging.INFO) -> None:
    """Lines on standard error: time, level, where, what."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for noisy in ("faust", "mode", "aiokafka", "httpx"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    for handler in logging.getLogger().handlers:
        handler.addFilter(_not_a_service_chart)


def _not_a_service_chart(record: logging.LogRecord) -> bool:
    """Leave out the line that mode writes whenever any service starts or stops."""
    return not (record.levelno <= logging.INFO and str(record.msg).startswith("[^"))
