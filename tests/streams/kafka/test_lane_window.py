"""A partition's window is shared: nobody makes room for one who holds more."""

import math
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.lane_window import Held, PartitionWindow, WindowClaim, fair_level
from streams.kafka.open_message import OpenMessage
from tests.streams.fakes import message

SIZE = 40


@given(st.lists(st.integers(1, 500), min_size=1), st.integers(-10, 2_000))
def test_shares_fill_the_room_and_are_fair(wanted: list[int], room: int) -> None:
    level = fair_level(wanted, room)
    shares = [min(one, level) for one in wanted]
    if level == math.inf:
        assert sum(wanted) <= room
    else:
        assert math.isclose(sum(shares), max(room, 0)), "no room is left unused"
        assert max(wanted) > level


def test_the_largest_makes_room_newest_first() -> None:
    window = PartitionWindow(SIZE)
    large = [add(window, "large", offset) for offset in range(28)]
    small = [add(window, "small", offset) for offset in range(28, 32)]
    found = [one for one, _ in window.surplus()]
    assert found == list(reversed(large[-12:]))
    assert all(one.is_withdrawn for one in found)
    assert all(one.is_waiting for one in small)
    assert window.surplus() == [], "half of it is free"


def test_work_in_hand_stays_in_hand() -> None:
    window = PartitionWindow(SIZE)
    held = [add(window, "t", offset) for offset in range(32)]
    assert all(one.begin() for one in held[20:])
    assert [one for one, _ in window.surplus()] == list(reversed(held[8:20]))


def test_what_has_no_claim_makes_others_make_room() -> None:
    window = PartitionWindow(SIZE)
    for offset in range(15):
        window.add(opened(offset), None, 1)
    for offset in range(15, 31):
        add(window, "t", offset)
    assert len(window.surplus()) == 11


def test_many_bytes_count_for_many_messages() -> None:
    window = PartitionWindow(SIZE)
    add(window, "large", 0)
    heavy = add(window, "large", 1, weight=30)
    assert [one for one, _ in window.surplus()] == [heavy]


def test_the_oldest_of_each_task_stays_however_large() -> None:
    window = PartitionWindow(SIZE)
    held = [add(window, task, offset, weight=19) for offset, task in enumerate("abab")]
    assert [one for one, _ in window.surplus()] == [held[2], held[3]]


def test_a_task_with_room_is_recalled_oldest_first() -> None:
    window = PartitionWindow(SIZE)
    park(window, "hangs", range(0, 60, 2))
    park(window, "well", range(1, 60, 2))
    for offset in range(100, 110):
        add(window, "hangs", offset)
    window.plan_recall(0, is_crowded=False)
    assert list(window.recalled) == list(range(1, 20, 2)), "its half of the room, the other half is held"


def test_what_is_given_up_is_recalled_without_room() -> None:
    window = PartitionWindow(SIZE)
    for offset in range(SIZE // 2):
        add(window, "t", offset)
    for offset in (50, 51):
        window.park(opened(offset), Held(WindowClaim("t", offset), 1))
    window.plan_recall(50, is_crowded=False)
    assert list(window.recalled) == [50]


def test_what_is_passed_by_stays_parked_unless_it_is_gone() -> None:
    window = PartitionWindow(SIZE)
    park(window, "t", [3, 5, 8])
    window.plan_recall(0, is_crowded=False)
    assert not window.is_passed_by(2)
    assert window.take_back(3)
    assert not window.take_back(6)
    assert window.is_passed_by(6)
    assert window.drop_before(6) == [5]
    assert (list(window.parked), list(window.recalled)) == ([8], [])


def test_what_has_left_a_crowded_partition_stays_for_a_while() -> None:
    """What is in hand may crowd it alone: then those at its end would be moved again and again."""
    window = PartitionWindow(SIZE)
    for offset in range(SIZE // 2):
        add(window, "t", offset)
    moved = []
    for now in (0, 100, 59_000, 60_000):
        window.note_new(window.end + 9)
        park(window, "t", [window.end - 1])
        window.plan_recall(now, is_crowded=True)
        moved.append(sorted(window.leaving))
        for offset in moved[-1]:
            window.take_back(offset)
    assert moved == [[9], [], [], [19, 29, 39]]


def test_a_log_begun_anew_has_nothing_parked() -> None:
    window = PartitionWindow(SIZE)
    window.note_new(9)
    park(window, "t", [9])
    window.note_new(0)
    assert (window.parked, window.end) == ({}, 1)


def opened(offset: int) -> OpenMessage:
    return OpenMessage(message(b"", offset=offset), lambda *_: None)


def add(window: PartitionWindow, task: str, offset: int, weight: int = 1) -> OpenMessage:
    one = opened(offset)
    window.add(one, WindowClaim(task, 1 << 60), weight)
    return one


def park(window: PartitionWindow, task: str, offsets: Iterable[int]) -> None:
    for offset in offsets:
        window.park(opened(offset), Held(WindowClaim(task, 1 << 60), 1))
