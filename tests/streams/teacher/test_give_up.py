"""How long a request waits for the teacher: the config's time, or the client's shorter one."""

import pytest

from schemas.config import TeacherConfig
from streams.teacher.give_up import HEADER, give_up_at

CONFIG = TeacherConfig(give_up_after=60.0)


def test_without_a_wish_the_config_decides() -> None:
    assert give_up_at(1_000, CONFIG) == 61_000
    assert give_up_at(1_000, CONFIG, [("traceparent", b"5")]) == 61_000


def test_a_client_can_wish_for_less_but_not_more() -> None:
    assert give_up_at(1_000, CONFIG, [(HEADER, b"1.5")]) == 2_500
    assert give_up_at(1_000, CONFIG, [(HEADER, "61")]) == 61_000
    assert give_up_at(1_000, CONFIG, [(HEADER, b"7"), (HEADER, b"3"), (HEADER, b"x")]) == 4_000


@pytest.mark.parametrize("value", [None, b"", b"soon", b"0", b"-1", b"nan", b"inf", b"\xff", b"1" * 400])
def test_a_wish_that_is_no_number_is_ignored(value: bytes | None) -> None:
    assert give_up_at(1_000, CONFIG, [(HEADER, value)]) == 61_000
