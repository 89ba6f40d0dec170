"""Progress of `understudy up`: one log line for each interval in which requests got labels."""

import logging
import threading
from collections import Counter
from typing import Self

from schemas.codec import LABEL
from schemas.errors import SchemaError
from streams.errors import StreamsError
from streams.kafka.message import as_bytes
from streams.kafka.topic_client import Reader
from streams.settings import Settings

log = logging.getLogger(__name__)

_INTERVAL_S = 10.0


def progress_line(labels: Counter[str], seconds: float) -> str:
    """One line about the labels of an interval, counted by their source."""
    total = labels.total()
    errors = f", errors: {labels['error']:,}" if labels["error"] else ""
    return (
        f"labels in {seconds:g} s: {total:,}, {labels['surrogate'] / total:.0%} by the surrogate, "
        f"{labels['teacher'] / total:.0%} by the teacher{errors}"
    )


class ProgressLog:
    """Counts labels in a thread of its own while its context is open, and logs a line an interval."""

    def __init__(self, settings: Settings, seconds: float = _INTERVAL_S) -> None:
        self._settings = settings
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress-log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            reader = Reader(self._settings, self._settings.topics.labels)
            try:
                while not self._stopping.is_set():
                    self._log_interval(reader)
            finally:
                reader.close()
        except StreamsError as error:
            log.warning("progress is not shown: %s", error)

    def _log_interval(self, reader: Reader) -> None:
        labels: Counter[str] = Counter()
        for message in reader.until(self._seconds, self._stopping.is_set):
            try:
                labels[LABEL.decode(as_bytes(message.value())).source] += 1
            except SchemaError:
                continue  # a message of somebody else's is no label
        if labels:
            log.info("%s", progress_line(labels, self._seconds))
