from pathlib import Path

from infra.bench.corpora import read_banking77
from infra.bench.drift.run import WITH_AUDITS, run
from infra.bench.drift.scenarios import GOLD, Stream, place_of
from schemas.events import EventKind
from streams.settings import Settings


def test_a_run_records_labels_and_events(kafka: str, redis_url: str, small: Path, tmp_path: Path) -> None:
    settings = Settings(kafka={"bootstrap.servers": kafka}, redis={"url": redis_url}, data=tmp_path)
    data = read_banking77(small, "test")
    stream = Stream(tuple(range(len(data))), tuple(reversed(data.labels)), 50, (GOLD, GOLD))
    record = run(settings, data, stream, WITH_AUDITS)
    labels = sorted(record.labels, key=lambda label: place_of(label.id))
    assert [label.label for label in labels] == list(stream.answers)
    assert {label.source for label in labels} == {"teacher"}
    assert [event.kind for event in record.events] == [EventKind.CONFIG_APPLIED]
