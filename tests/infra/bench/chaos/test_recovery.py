"""Recovery ends when no request lags; the longest wait is that of what was answered since the fault began."""

import time
from types import SimpleNamespace
from typing import Any

from infra.bench.chaos.observer import Record
from infra.bench.chaos.recovery import LAGS_S, WaitingRequests

NOW = time.time()


def waiting(sent: dict[str, float], answered: dict[str, float]) -> WaitingRequests:
    stream: Any = SimpleNamespace(sent=list(sent.items()))
    records = [Record("labels", 0, 0, {"id": name}, at) for name, at in answered.items()]
    return WaitingRequests(stream, records)


def test_a_request_without_a_label_lags() -> None:
    now = time.time()  # of this test: it may run minutes after its module was read
    old = now - LAGS_S - 1.0
    assert waiting({"a": old}, {}).lags()
    assert not waiting({"a": old, "b": now + 60.0}, {"a": now}).lags()


def test_labels_flow_once_a_later_request_has_one() -> None:
    found = waiting({"a": NOW - 9.0, "b": NOW + 1.0}, {"a": NOW + 2.0})
    assert not found.has_answered_since(NOW)
    found.records.append(Record("labels", 0, 1, {"id": "b"}, NOW + 3.0))
    assert found.has_answered_since(NOW)


def test_the_longest_wait_is_of_what_was_answered_since() -> None:
    sent = {"early": NOW - 90.0, "slow": NOW - 9.0, "quick": NOW}
    found = waiting(sent, {"early": NOW - 1.0, "quick": NOW + 1.0, "slow": NOW + 3.0})
    assert found.longest_since(NOW) == 12.0
