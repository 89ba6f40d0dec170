"""The history of a certificate is bounded, keeps each change and the newest point, and is even elsewhere."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from streams.certify.history import (
    MOST_POINTS,
    CertificatePoint,
    CertificateState,
    HistoryState,
    begins_anew,
    certificate_point,
    certified_since,
    decode_points,
    encode_point,
    extend_history,
    thinned_points,
    with_newest,
)
from streams.certify.status import CertificateStatus

SHARES = st.floats(0.0, 1.0)
STATES = st.sampled_from(get_args(CertificateState))
POINTS = st.builds(
    CertificatePoint,
    at=st.integers(0, 2**53),
    version=st.text(),
    audits=st.integers(0, 2**53),
    disagreed=st.integers(0, 2**53),
    lower=st.none() | SHARES,
    target=SHARES,
    state=STATES,
    alarm=st.none() | SHARES,
    certificate=st.integers(0, 9),
)


@st.composite
def lives(draw: st.DrawFn, most_changes: int = 1_000) -> list[CertificatePoint]:
    """Points in their order: audits rise, and begin again with another teacher; states change at times."""
    steps = draw(st.lists(st.integers(0, 40), min_size=1, max_size=400))
    restarts = draw(st.sets(st.integers(0, len(steps)), max_size=2))
    changes = draw(st.sets(st.integers(0, len(steps)), max_size=most_changes))
    audits, life = 0, []
    state: CertificateState = draw(STATES)
    for at, step in enumerate(steps):
        audits = step if at in restarts else audits + step
        if at in changes:
            state = "lost" if state == "certified" else "certified"
        life.append(CertificatePoint(at, "v1", audits, 0, None, 0.95, state, 0.0))
    return life


def status(audits: int, agreements: int, **other: Any) -> CertificateStatus:
    known = CertificateStatus(audits=audits, agreements=agreements, target=0.95, updated_at=audits)
    return replace(known, **other)


def progress(points: list[CertificatePoint] | tuple[CertificatePoint, ...]) -> dict[int, int]:
    """Audits until each point, by its time."""
    total, last, found = 0, 0, {}
    for point in points:
        total += point.audits - last if point.audits >= last else point.audits
        found[point.at], last = total, point.audits
    return found


@given(st.lists(POINTS))
def test_points_survive_the_codec(points: list[CertificatePoint]) -> None:
    assert decode_points(map(encode_point, points)) == tuple(points)


@given(st.lists(st.binary() | POINTS, max_size=20), st.lists(st.sampled_from([b"[]", b"[1]", b"{}", b"1"])))
def test_what_can_not_be_read_is_left_out(stored: list[bytes | CertificatePoint], json: list[bytes]) -> None:
    raw = [each if isinstance(each, bytes) else encode_point(each) for each in stored]
    assert decode_points(raw + json) == tuple(each for each in stored if isinstance(each, CertificatePoint))


@given(lives(), st.integers(1, 60))
def test_thinning_keeps_the_newest_and_no_more_than_it_may(life: list[CertificatePoint], most: int) -> None:
    left = thinned_points(life, most)
    assert len(left) <= most
    assert left[-1] == life[-1]
    assert [point for point in life if point in left] == list(left), "in their order"


@given(lives(most_changes=20), st.integers(26, 60))
def test_thinning_keeps_each_change_of_state(life: list[CertificatePoint], most: int) -> None:
    left = thinned_points(life, most)
    for before, after in pairwise(life):
        if before.state != after.state:
            assert after in left
    assert [a.state for a, b in pairwise(left) if a.state != b.state] == [
        a.state for a, b in pairwise(life) if a.state != b.state
    ]


@given(lives(most_changes=0), st.integers(10, 60))
def test_thinning_leaves_no_gap_where_there_were_points(life: list[CertificatePoint], most: int) -> None:
    """Between two kept points lie at most two of the equal parts, and what no point has divided before."""
    left = thinned_points(life, most)
    if len(left) == len(life):
        return
    at, widest = progress(life), max((b - a for a, b in pairwise(progress(life).values())), default=0)
    part = (at[life[-1].at] + 1) / (most - 1)
    for before, after in pairwise(left):
        assert at[after.at] - at[before.at] <= 2 * part + widest


def test_a_long_life_stays_bounded_and_even() -> None:
    """10,000 audits one by one, of which the certificate is lost for some."""
    state = HistoryState()
    kept: tuple[CertificatePoint, ...] = ()
    for audits in range(1, 10_001):
        certified = audits >= 300 and not 5_000 <= audits < 5_200
        point = certificate_point("v1", status(audits, audits, certified=certified), state.newest)
        state, update = extend_history(state, point, kept)
        kept = update.points if update.replaces else (*kept, *update.points)
        assert len(kept) <= MOST_POINTS
        assert state.points == len(kept)
        assert state.newest == (kept[-1] if kept else None)
    changes = [(b.audits, b.state) for a, b in pairwise(kept) if a.state != b.state]
    assert changes == [(300, "certified"), (5_000, "lost"), (5_200, "certified")]
    assert len(kept) > MOST_POINTS / 2
    assert max(b.audits - a.audits for a, b in pairwise(kept)) <= 2 * state.spacing <= 10_000 / 60


def test_a_raised_alarm_is_a_point_though_it_starts_again_at_once() -> None:
    state, _ = extend_history(HistoryState(spacing=1_000), certificate_point("v1", status(50, 40), None), ())
    quiet = certificate_point("v1", status(60, 50), state.newest)
    assert extend_history(state, quiet, ())[1].points == ()
    raised = certificate_point("v1", status(60, 50), state.newest, alarm_raised=True)
    assert extend_history(state, raised, ())[1].points == (raised,)
    assert raised.alarm == 1.0


def test_another_teacher_makes_a_point_however_many_audits_it_begins_with() -> None:
    first = certificate_point("v1", status(60, 50), None, certificate=3)
    state, _ = extend_history(HistoryState(spacing=1_000), first, ())
    same = certificate_point("v1", status(90, 80), state.newest, certificate=3)
    assert extend_history(state, same, ())[1].points == ()
    other = certificate_point("v1", status(90, 80), state.newest, certificate=4)
    assert extend_history(state, other, ())[1].points == (other,)
    assert begins_anew(first, other)


def test_points_of_an_earlier_release_begin_anew_where_audits_are_fewer() -> None:
    earlier = certificate_point("v1", status(60, 50), None)
    after = certificate_point("v1", status(61, 51), earlier, certificate=3)
    assert not begins_anew(earlier, after)
    assert begins_anew(after, certificate_point("v1", status(2, 2), after))


def test_the_newest_point_is_what_the_status_says_now() -> None:
    first = certificate_point("v1", status(50, 49, certified=True, bound=0.951), None)
    now = status(70, 60, bound=0.93)
    newest = with_newest("v1", [first], now)[-1]
    assert (newest.audits, newest.disagreed, newest.state, newest.lower) == (70, 10, "lost", 0.93)
    same = status(50, 49, certified=True, bound=0.951, updated_at=99)
    assert with_newest("v1", [first], same) == (first,)
    assert with_newest("v1", [first], replace(now, complete=False)) == (first,), (
        "not while counts are rebuilt"
    )
    assert with_newest("v1", [], CertificateStatus()) == ()


@given(SHARES)
def test_a_point_shows_no_more_than_is_proven(bound: float) -> None:
    lower = certificate_point("v1", status(50, 49, bound=bound), None).lower
    assert (lower or 0.0) <= bound < (lower or 0.0) + 2e-6


@given(POINTS)
def test_an_earlier_release_reads_points_with_more_fields(point: CertificatePoint) -> None:
    longer = encode_point(point)[:-1] + b',"later"]'
    assert decode_points([longer]) == (point,)
    assert decode_points([b'["v1"]', encode_point(structs.replace(point, at=1))])[0].at == 1


def test_a_certificate_holds_since_its_last_run_began() -> None:
    def since(*states: CertificateState) -> int | None:
        return certified_since(
            [CertificatePoint(at, "v1", at + 1, 0, 0.5, 0.9, state, None) for at, state in enumerate(states)]
        )

    assert since("not_yet", "certified", "lost", "certified", "certified") == 3
    assert since("certified", "lost") is None
    assert since() is None
