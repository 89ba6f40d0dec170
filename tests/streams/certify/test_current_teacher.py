"""Which teacher is the current one, whose certificate is shown."""

from hypothesis import given
from hypothesis.strategies import booleans, lists

from schemas.messages import Reason, Teacher
from streams.certify.observations import LogPosition, TraceSeen, observe_traces
from streams.certify.task_state import TaskState, with_teacher
from tests.streams.fakes import message, trace

OWN, OTHER, STRANGER = Teacher("m", "own"), Teacher("m", "other"), Teacher("m", "stranger")


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


def test_two_prompts_that_an_app_uses_alike_do_not_take_turns() -> None:
    state = with_teacher(TaskState(), [seen(OWN, at, is_apart=True) for at in range(1, 200)], 10**6)
    for at in range(200, 600):
        state = with_teacher(state, [seen(OTHER if at % 2 else OWN, at, is_apart=True)], 10**6)
        assert state.current_teacher is not None
        assert (state.current_teacher.teacher, state.current_teacher.since) == (OWN, 0)


def test_a_teacher_that_a_version_answers_for_stays_while_it_does() -> None:
    first = with_teacher(TaskState(), [seen(OWN, at) for at in range(1, 100)], 10**6)
    calls = [seen(OWN, at) if at % 20 == 0 else seen(OTHER, at, is_apart=True) for at in range(100, 1000)]
    current = with_teacher(first, calls, 10**6).current_teacher
    assert current is not None
    assert (current.teacher, current.since) == (OWN, 0)
    assert (
        current_after([*calls, *(seen(OTHER, at, is_apart=True) for at in range(1000, 1060))], first) == OTHER
    )


@given(lists(booleans(), min_size=1, max_size=20))
def test_the_first_calls_of_a_task_rule_out_no_trace(strangers: list[bool]) -> None:
    calls = [seen(STRANGER if call else OTHER, at, is_apart=True) for at, call in enumerate(strangers, 1)]
    own = [seen(OWN, at, is_apart=True) for at in range(50, 300)]
    state = with_teacher(TaskState(), [*calls, *own], 10**6)
    assert state.current_teacher is not None
    assert state.current_teacher.teacher == OWN
    assert state.current_teacher.since == 0, "traces from before, seeded ones too, may certify"


def test_a_change_after_more_than_a_few_calls_rules_out_what_was_before() -> None:
    before = [seen(OWN, at, is_apart=True) for at in range(1, 40)]
    calls = [seen(OTHER, at, is_apart=True) for at in range(100, 160)]
    current = with_teacher(TaskState(), [*before, *calls], 10**6).current_teacher
    assert current is not None
    assert (current.teacher, current.established) == (OTHER, True)
    assert 100 < current.since < 160


def test_a_handful_of_calls_before_the_first_policy_changes_no_teacher() -> None:
    made = [trace(f"r{at}", reason=Reason.NO_POLICY, teacher=OWN, replied_at=at) for at in range(1, 300)]
    made += [trace(f"s{at}", reason=Reason.NO_POLICY, teacher=OTHER, replied_at=at) for at in range(300, 310)]
    observed = observe_traces([(one, message(one, offset=at)) for at, one in enumerate(made)])["t"]
    assert current_after(list(observed.answered)) == OWN


def test_calls_outside_the_sample_change_no_teacher() -> None:
    calls = [seen(OTHER, at, is_apart=True, sampled=False) for at in range(2, 200)]
    assert current_after([seen(OWN, 1), *calls]) == OWN
