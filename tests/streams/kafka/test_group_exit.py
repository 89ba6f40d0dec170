"""A client that does not leave its group holds up nobody for ever."""

import threading

import pytest
from confluent_kafka import Consumer

from streams.kafka.group_exit import leaving_group


class Closing(Consumer):
    """Remembers that it was closed; may wait before that."""

    def __init__(self, may_end: threading.Event) -> None:
        super().__init__({"group.id": "g", "bootstrap.servers": ""})
        self.may_end = may_end
        self.is_closed = threading.Event()

    def close(self) -> None:
        self.may_end.wait(60)
        super().close()
        self.is_closed.set()


def test_a_client_is_closed_before_the_context_ends() -> None:
    may_end = threading.Event()
    may_end.set()
    consumer = Closing(may_end)
    with leaving_group(consumer, "r", 30.0):
        assert not consumer.is_closed.is_set()
    assert consumer.is_closed.is_set()


def test_one_that_does_not_return_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    may_end = threading.Event()
    consumer = Closing(may_end)
    try:
        with leaving_group(consumer, "r", 0.01):
            pass
        assert "left behind: role=r" in caplog.text
        assert not consumer.is_closed.is_set()
    finally:
        may_end.set()
    assert consumer.is_closed.wait(30)


def test_an_error_inside_is_raised_after_the_client_has_left() -> None:
    may_end = threading.Event()
    may_end.set()
    consumer = Closing(may_end)
    with pytest.raises(ZeroDivisionError), leaving_group(consumer, "r", 30.0):
        raise ZeroDivisionError
    assert consumer.is_closed.is_set()
