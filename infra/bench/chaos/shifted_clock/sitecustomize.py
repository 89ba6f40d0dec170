"""Sets the clock of this process ahead by `UNDERSTUDY_TEST_CLOCK_AHEAD` seconds.

Python imports it at start, where this folder is on the PYTHONPATH. The times that Kafka's client writes into
messages are shifted too; monotonic clocks are not.
"""

import os
import time
from typing import Any

import confluent_kafka

_AHEAD_S = float(os.environ.get("UNDERSTUDY_TEST_CLOCK_AHEAD", "0"))
_seconds, _nanoseconds = time.time, time.time_ns


class _ProducerAhead(confluent_kafka.Producer):
    def produce(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("timestamp", time.time_ns() // 1_000_000)
        super().produce(*arguments, **options)


if _AHEAD_S:
    time.time = lambda: _seconds() + _AHEAD_S
    time.time_ns = lambda: _nanoseconds() + round(_AHEAD_S * 1e9)
    confluent_kafka.Producer = _ProducerAhead  # type: ignore[misc]
