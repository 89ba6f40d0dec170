"""An audit is counted once, however its topic is cut into batches and read again."""

import secrets
from itertools import accumulate

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.names import Keys
from streams.state.audits import Audit, Audits, Counts
from streams.state.connection import Connection

Log = list[Audit]


@st.composite
def logs(draw: st.DrawFn) -> list[Log]:
    """For each partition the audits in it, with gaps between: other traces stand there."""
    found = []
    for partition in range(draw(st.integers(1, 3))):
        steps = draw(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12))
        offsets = accumulate((step for step, _ in steps), initial=-1)
        next(offsets)
        found.append(
            [Audit(partition, offset, agreed) for offset, (_, agreed) in zip(offsets, steps, strict=True)]
        )
    return found


def read_once(draw: st.DrawFn, log: list[Log], at: list[int]) -> list[Audit]:
    """A batch from where each partition stands, or from further back after a rewind; moves `at`."""
    batch = []
    for partition, audits in enumerate(log):
        start = draw(st.integers(0, at[partition]))
        at[partition] = draw(st.integers(start, len(audits)))
        batch.append(audits[start : at[partition]])
    return [audit for part in draw(st.permutations(batch)) for audit in part]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs(), st.integers(0, 6), st.data())
async def test_counts_are_those_of_the_audits_read_under_any_cut_and_replay(
    connection: Connection, keys: Keys, log: list[Log], turns: int, data: st.DataObject
) -> None:
    audits, version = Audits(connection, keys), secrets.token_hex(8)
    at, furthest = [0] * len(log), [0] * len(log)

    @st.composite
    def batches(draw: st.DrawFn) -> list[Audit]:
        return read_once(draw, log, at)

    for _ in range(turns):
        await audits.fold("t", version, data.draw(batches()))
        furthest = list(map(max, furthest, at))
        read = [audit for part, end in zip(log, furthest, strict=True) for audit in part[:end]]
        assert await audits.counts("t", version) == Counts(len(read), sum(a.agreed for a in read))
    whole = [audit for part in log for audit in part]
    for _ in range(2):
        await audits.fold("t", version, whole)
        assert await audits.counts("t", version) == Counts(len(whole), sum(a.agreed for a in whole))


async def test_versions_and_tasks_are_counted_apart(connection: Connection, keys: Keys) -> None:
    audits = Audits(connection, keys)
    assert await audits.counts("t", "v1") == Counts(0, 0)
    await audits.fold("t", "v1", [Audit(0, 7, True), Audit(0, 2**40, False)])
    await audits.fold("t", "v2", [Audit(0, 3, True)])
    await audits.fold("u", "v1", [])
    found = [await audits.counts(*of) for of in (("t", "v1"), ("t", "v2"), ("u", "v1"))]
    assert found == [Counts(2, 1), Counts(1, 1), Counts(0, 0)]
    await audits.fold("t", "v1", [Audit(0, 2**40, False), Audit(0, 2**40 + 1, True)])
    assert await audits.counts("t", "v1") == Counts(3, 2), "offsets beyond 32 bits are exact"
