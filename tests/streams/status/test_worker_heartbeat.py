"""A report has room for what can't be used before what can."""

from typing import cast

from streams.state.workers import EncoderReport, WorkerReport, WorkerStore
from streams.status.worker_heartbeat import WorkerHeartbeat


def test_an_encoder_that_can_not_be_used_is_reported_among_many() -> None:
    report = WorkerReport("n", "h", ("encode",), 5)
    heartbeat = WorkerHeartbeat(cast("WorkerStore", None), report, lambda: ["not ready"])
    absent = EncoderReport("onnx:/gone", "", 7, "no such folder")
    heartbeat.show_encoders(lambda: [EncoderReport(f"onnx:/{place}", "", 5) for place in range(500)])
    heartbeat.show_encoders(lambda: [absent])
    said = heartbeat.report()
    assert said.problems == ("not ready",)
    assert said.encoders[0] == absent
    assert len(said.encoders) < 500
