"""How long a request waits for the teacher: the config's time, or the client's shorter one."""

import pytest

from schemas.config import TeacherConfig
from schemas.messages import Answer
from streams.teacher.give_up import HEADER, give_up_at
from tests.streams.fakes import deferral

CONFIG = TeacherConfig(give_up_after=60.0, audit_give_up_after=90.0)
REQUEST = deferral(requested_at=1_000)


def test_without_a_wish_the_config_decides() -> None:
    assert give_up_at(REQUEST, CONFIG) == 61_000
    assert give_up_at(REQUEST, CONFIG, [("traceparent", b"5")]) == 61_000


def test_a_client_can_wish_for_less_but_not_more() -> None:
    assert give_up_at(REQUEST, CONFIG, [(HEADER, b"1.5")]) == 2_500
    assert give_up_at(REQUEST, CONFIG, [(HEADER, "61")]) == 61_000
    assert give_up_at(REQUEST, CONFIG, [(HEADER, b"7"), (HEADER, b"3"), (HEADER, b"x")]) == 4_000


@pytest.mark.parametrize("value", [None, b"", b"soon", b"0", b"-1", b"nan", b"inf", b"\xff", b"1" * 400])
def test_a_wish_that_is_no_number_is_ignored(value: bytes | None) -> None:
    assert give_up_at(REQUEST, CONFIG, [(HEADER, value)]) == 61_000


def test_an_audit_waits_longer_and_heeds_no_wish() -> None:
    audit = deferral(audit=True, requested_at=1_000)
    assert give_up_at(audit, CONFIG, [(HEADER, b"3")]) == 91_000
    again = deferral(requested_at=1_000, first=Answer("yes"))
    assert give_up_at(again, CONFIG, [(HEADER, b"3")]) == 61_000
