"""What the teacher said of a candidate's answer is counted once, however often its trace is read."""

import secrets

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.certificate import Certificate
from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.trial_counts import CheckedAnswer, TrialCounts

_batches = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=12), _batches)
async def test_replays_change_no_count(
    connection: Connection, keys: Keys, outcomes: list[bool], batches: list[tuple[int, int]]
) -> None:
    trials, version, folded = TrialCounts(connection, keys), secrets.token_hex(8), 0
    checked = [CheckedAnswer(number % 2, number, agreed) for number, agreed in enumerate(outcomes)]
    for start, length in [*batches, (0, len(checked))]:
        begin = min(start, folded)
        end = min(begin + length, len(checked))
        if end > begin:
            folded = max(folded, end)
            found = await trials.fold("t", version, checked[begin:end])
            assert found == Certificate(folded, sum(outcomes[:folded]))
    assert folded == len(checked)
