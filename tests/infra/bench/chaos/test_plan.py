"""Plans of faults: reproducible, of all kinds, and never two faults at once in the same place."""

from hypothesis import given
from hypothesis import strategies as st

from infra.bench.chaos.plan import SESSION_S, Kind, draw_plan

ROLES = ("route", "teacher", "learn")
COUNTS = st.integers(1, 120)


@given(st.integers(), COUNTS)
def test_a_seed_reproduces_its_plan(seed: int, faults: int) -> None:
    plan = draw_plan(seed, faults, ROLES)
    assert plan == draw_plan(seed, faults, ROLES)
    assert sum(len(incident.faults) for incident in plan) == faults


def test_another_seed_draws_another_plan() -> None:
    assert draw_plan(1, 20, ROLES) != draw_plan(2, 20, ROLES)


@given(st.integers())
def test_a_short_plan_has_every_kind(seed: int) -> None:
    plan = draw_plan(seed, len(Kind), ROLES)
    assert {fault.kind for incident in plan for fault in incident.faults} == set(Kind)


@given(st.integers(), COUNTS, st.floats(2.0, 60.0))
def test_faults_keep_to_their_places_and_lengths(seed: int, faults: int, longest: float) -> None:
    for incident in draw_plan(seed, faults, ROLES, longest):
        places = [fault.place for fault in incident.faults]
        assert len(set(places)) == len(places)
        for fault in incident.faults:
            assert fault.role in (*ROLES, "")
            assert (fault.number in (1, 2)) == bool(fault.role)
            assert fault.role or fault.seconds <= longest + 0.05
            assert fault.kind is not Kind.PAUSE or fault.seconds > SESSION_S, "longer than the session"
