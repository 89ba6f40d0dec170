"""Log of a process: lines on standard error, mostly of our own modules."""

import logging

from streams.log_masking import mask_log

_OTHERS = ("faust", "mode", "aiokafka", "httpcore", "httpx", "httpx2", "openai")


def configure_logging(level: int = logging.INFO) -> None:
    """Show records from `level` on: time, level, where, what. Of other libraries only warnings and worse.

    Each LLM call is an INFO record of its client's library, so these stay out.
    """
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for name in _OTHERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_not_service_chart)
    mask_log()


def _is_not_service_chart(record: logging.LogRecord) -> bool:
    """Leave out the line that mode writes whenever any service starts or stops."""
    return not (record.levelno <= logging.INFO and str(record.msg).startswith("[^"))
