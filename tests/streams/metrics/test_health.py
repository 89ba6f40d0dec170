"""A process is alive while its event loop turns, and ready once it has started and every part says so."""

from streams.metrics.health import STUCK, Health


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_stuck_event_loop_is_not_alive_and_not_ready() -> None:
    clock = Clock()
    health = Health(clock)
    health.has_started = True
    assert health.not_alive() is None, "it has not begun yet"
    health.note_turn()
    clock.now += STUCK - 1
    assert health.not_alive() is None
    assert health.not_ready() == []
    clock.now += 1
    assert health.not_alive() == "the event loop has not turned for 30 s"
    assert health.not_ready() == ["the event loop has not turned for 30 s"]
    health.note_turn()
    assert health.not_alive() is None


def test_it_is_ready_once_all_parts_are() -> None:
    health = Health(Clock())
    assert len(health.not_ready()) == 1
    health.has_started = True
    problem = ["role=route has no partitions yet"]
    health.add_check(lambda: problem[0] if problem else None)
    assert health.not_ready() == problem
    problem.clear()
    assert health.not_ready() == []
