"""A worker at its end: Ctrl-C stops it as SIGTERM does."""

import signal

import pytest

from infra.serve.worker import _FaustWorker


def test_ctrl_c_stops_in_good_order_and_draws_nothing_across_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped: list[int] = []
    drawn: list[str] = []
    monkeypatch.setattr(_FaustWorker, "_schedule_shutdown", lambda _, number: stopped.append(number))
    monkeypatch.setattr(_FaustWorker, "carp", lambda _, text: drawn.append(text))
    worker = object.__new__(_FaustWorker)
    worker.spinner = None
    worker._on_sigint()
    assert (stopped, drawn) == ([signal.SIGTERM], [])
