"""Where the time of a request goes: the load's times and the loop's, joined by partition and offset."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from infra.bench.latency.load import TIMES
from infra.bench.latency.stage_log import BatchRecord, StageLog, StageMark, read_stage_log, spans_of
from infra.bench.latency.stages import STAGES, stage_times
from tests.streams.fakes import message

MARKS = [10.010, 10.012, 10.013, 10.014, 10.020, 10.021, 10.022, 10.023, 10.030, 10.040]
"""A batch that waits for messages from 10.010 on, and is committed at 10.040."""


def requests(*rows: tuple[float, float, float, float, int, int]) -> NDArray[np.void]:
    return np.array(list(rows), TIMES)


def test_each_stage_ends_where_the_next_begins() -> None:
    found = stage_times(requests((10.0, 10.001, 10.004, 10.050, 2, 7)), [BatchRecord([(2, 5, 9)], MARKS)])
    milliseconds = dict(zip(STAGES, found.stages[0] * 1e3, strict=True))
    assert milliseconds == pytest.approx(
        {
            "late": 1, "send": 3, "queue": 6, "fetch": 2, "hand over": 1, "decode": 1, "score": 6,
            "encode": 1, "produce": 1, "wait": 1, "offsets": 7, "commit": 10, "read": 10,
        }
    )  # fmt: skip
    assert found.milliseconds(0.5) == pytest.approx(50)


def test_a_request_that_comes_while_the_loop_waits_is_not_queued() -> None:
    found = stage_times(requests((10.0, 10.001, 10.011, 10.050, 2, 7)), [BatchRecord([(2, 5, 9)], MARKS)])
    assert found.stages[0][STAGES.index("queue")] == 0
    assert found.stages[0][STAGES.index("fetch")] == pytest.approx(0.001)


def test_a_label_that_is_read_before_its_commit_waits_for_no_commit() -> None:
    found = stage_times(requests((10.0, 10.001, 10.004, 10.025, 2, 7)), [BatchRecord([(2, 5, 9)], MARKS)])
    assert found.stages[0][STAGES.index("offsets")] == pytest.approx(0.002)
    assert found.stages[0][STAGES.index("commit") :].tolist() == [0, 0]


def test_requests_without_a_label_or_a_batch_are_counted_as_lost() -> None:
    times = requests(
        (10.0, 10.001, 10.004, 10.050, 2, 7),
        (10.0, 10.001, 10.004, np.nan, 2, 8),
        (10.0, 10.001, 10.004, 10.050, 2, 10),
        (10.0, 10.001, 10.004, 10.050, 3, 7),
    )
    found = stage_times(times, [BatchRecord([(2, 5, 9)], MARKS)])
    assert (len(found.latency), found.lost) == (1, 3)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=len(StageMark) + 4, max_size=len(StageMark) + 4))
def test_stages_add_up_to_the_latency_and_none_is_negative(moments: list[float]) -> None:
    due, sent, acked, *marks = sorted(moments)
    read = marks.pop()
    found = stage_times(requests((due, sent, acked, read, 0, 0)), [BatchRecord([(0, 0, 0)], marks)])
    assert found.stages.min() >= 0
    assert found.stages.sum() == pytest.approx(found.latency[0])


def test_shares_are_those_of_the_slowest_requests() -> None:
    quick = [(10.0, 10.0, 10.0, 10.041, 0, number) for number in range(99)]
    slow = (10.0, 10.0, 10.0, 10.140, 1, 0)
    records = [BatchRecord([(0, 0, 98)], MARKS), BatchRecord([(1, 0, 0)], MARKS)]
    shares = dict(zip(STAGES, stage_times(requests(*quick, slow), records).shares(0.99), strict=True))
    assert shares["read"] == pytest.approx(100 / 140)
    assert sum(shares.values()) == pytest.approx(1)


def test_a_log_has_a_line_for_each_committed_batch(tmp_path: Path) -> None:
    with StageLog(tmp_path / "log") as log:
        for start in (0, 3):
            log.mark(StageMark.ASKED)
            log.begin([message(b"", partition=1, offset=start + more) for more in range(3)])
            log.mark(StageMark.ENCODED)
            log.end()
        log.commit(1e9, 2e9)
        log.begin([message(b"", partition=1, offset=6)])
        log.end()
    records = read_stage_log(tmp_path / "log")
    assert [record.spans for record in records] == [[(1, 0, 2)], [(1, 3, 5)]]
    for record in records:
        assert record.marks[: StageMark.COMMITTING] == sorted(record.marks[: StageMark.COMMITTING])
        assert record.marks[StageMark.COMMITTING : StageMark.COMMITTED] == [1e9, 2e9]


def test_a_span_holds_the_first_and_the_last_offset_of_a_partition() -> None:
    messages = [message(b"", partition=part, offset=at) for part, at in ((0, 3), (2, 1), (0, 5), (2, 2))]
    assert spans_of(messages) == [(0, 3, 5), (2, 1, 2)]
