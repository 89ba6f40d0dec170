from pathlib import Path

from infra.bench.banking import read
from infra.bench.drift.run import AUDIT_RATE, run
from infra.bench.drift.scenarios import GOLD
from infra.bench.drift.stream import Stream, place_of
from schemas.events import EventKind
from streams.settings import Settings


def test_a_run_brings_a_label_for_each_request_as_the_teacher_says_and_the_events_of_the_task(
    kafka: str, redis_url: str, small: Path, tmp_path: Path
) -> None:
    settings = Settings(kafka={"bootstrap.servers": kafka}, redis={"url": redis_url}, data=tmp_path)
    data = read(small, "test")
    stream = Stream(tuple(range(len(data))), tuple(reversed(data.labels)), 50, (GOLD, GOLD))
    record = run(settings, data, stream, AUDIT_RATE)
    labels = sorted(record.labels, key=lambda label: place_of(label.id))
    assert [label.label for label in labels] == list(stream.said)
    assert {label.source for label in labels} == {"teacher"}
    assert [event.kind for event in record.events] == [EventKind.CONFIG_APPLIED]
