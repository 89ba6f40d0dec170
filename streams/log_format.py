"""Log format: gives the handlers of the root logger the form and the level that the settings ask for."""

import logging

from streams.log_json import JsonFormatter
from streams.log_masking import mask_log
from streams.log_settings import LogSettings


def apply_log_settings(settings: LogSettings) -> None:
    """Write the log in this form from now on, without the secrets of URLs."""
    root = logging.getLogger()
    if settings.level is not None:
        root.setLevel(settings.level)
    if settings.format == "json":
        for handler in root.handlers:
            handler.setFormatter(JsonFormatter())
    mask_log()
