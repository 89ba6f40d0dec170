"""Keeps the secrets of URLs out of the log, whoever writes it: our modules, libraries, tracebacks."""

import logging

from schemas.secrets import masked


class MaskingFormatter(logging.Formatter):
    """Formats as another formatter does, and masks the secrets of URLs in it."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return masked(self.inner.format(record))


def mask_log() -> None:
    """Mask what the handlers of the root logger write from now on."""
    for handler in logging.getLogger().handlers:
        inner = handler.formatter or logging.Formatter()
        if not isinstance(inner, MaskingFormatter):
            handler.setFormatter(MaskingFormatter(inner))
