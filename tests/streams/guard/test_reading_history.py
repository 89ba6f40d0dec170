"""How far a group is behind follows from looks at the topic alone."""

from streams.guard.reading_history import ReadingHistory
from streams.kafka.backlog import GroupProgress


def test_a_group_that_keeps_up_has_read_until_the_look_before() -> None:
    """Something is unread at each look of a busy topic."""
    history = ReadingHistory()
    found = [history.read_until(at, GroupProgress({0: 10 * at}, {0: 10 * at - 5})) for at in range(1, 50)]
    assert found == [None, *range(1, 49)]


def test_a_partition_that_nobody_reads_stops_the_time() -> None:
    history = ReadingHistory()
    assert history.read_until(1, GroupProgress({0: 4, 1: 8}, {})) == 1
    found = {history.read_until(at, GroupProgress({0: 4 + at, 1: 8 + at}, {1: 8})) for at in range(2, 5_000)}
    assert found == {1}
    assert history.read_until(5_000, GroupProgress({0: 9_000, 1: 9_000}, {1: 5_008})) > 4_990
    assert history.read_until(5_001, GroupProgress({0: 9_000, 1: 9_000}, {})) == 5_001


def test_markers_of_transactions_are_nothing_to_read() -> None:
    """The end lies behind a marker, and the next message behind the end."""
    history = ReadingHistory()
    assert history.read_until(1, GroupProgress({0: 6}, {})) == 1
    assert history.read_until(2, GroupProgress({0: 8}, {0: 6})) == 1
    assert history.read_until(3, GroupProgress({0: 8}, {})) == 3
