"""Which teacher is the current one, whose certificate is shown."""

from schemas.messages import Teacher
from streams.certify.observations import LogPosition, TraceSeen
from streams.certify.task_state import TaskState, with_teacher

OWN, OTHER = Teacher("m", "own"), Teacher("m", "other")


def seen(teacher: Teacher, at: int, *, is_apart: bool = False, sampled: bool = True) -> TraceSeen:
    return TraceSeen(LogPosition("traces:0", at), teacher, at, None, None, sampled=sampled, is_apart=is_apart)


def current_after(traces: list[TraceSeen], state: TaskState | None = None) -> Teacher:
    current = with_teacher(state or TaskState(), traces, 10**6).current_teacher
    assert current is not None
    return current.teacher


def test_a_teacher_that_was_to_answer_is_current_at_once() -> None:
    assert current_after([seen(OWN, 1), seen(OTHER, 2, sampled=False)]) == OTHER


def test_few_calls_with_another_prompt_change_no_teacher() -> None:
    calls = [seen(OTHER if at % 4 == 0 else OWN, at, is_apart=True) for at in range(1, 400)]
    assert current_after(calls) == OWN


def test_a_prompt_of_most_calls_is_the_current_teacher() -> None:
    first = with_teacher(TaskState(), [seen(OWN, at) for at in range(1, 100)], 10**6)
    calls = [seen(OTHER, at, is_apart=True) for at in range(100, 200)]
    assert current_after(calls[:1], first) == OWN
    assert current_after(calls, first) == OTHER
    assert current_after([*calls, seen(OWN, 300), seen(OTHER, 301, is_apart=True)], first) == OWN


def test_calls_outside_the_sample_change_no_teacher() -> None:
    calls = [seen(OTHER, at, is_apart=True, sampled=False) for at in range(2, 200)]
    assert current_after([seen(OWN, 1), *calls]) == OWN
