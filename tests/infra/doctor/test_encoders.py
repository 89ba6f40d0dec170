"""Encoders behind an address are asked once each for a vector; what they lack is said, without secrets."""

from typing import Any

import msgspec

from infra.doctor.encoders import absent_encoder_findings, encoder_findings
from schemas.config import Config, config_of, parse_override
from streams.state.workers import EncoderReport, HeardWorker, WorkerReport
from streams.status.finding import Level
from tests.embeddings import WIDTH, EmbeddingServer


def config(**fields: Any) -> Config:
    return config_of("t", {"t": parse_override(msgspec.json.encode(fields))})


def test_each_address_is_asked_once_and_a_folder_is_not() -> None:
    with EmbeddingServer() as server:
        spec = f"endpoint:{server.url}#m"
        both = config(embedder=f"text>onnx:/elsewhere>{spec}")
        (found,) = encoder_findings({"*": Config(), "a": both, "b": config(embedder=spec)})
        assert found.level is Level.OK
        assert found.text == f"`{spec}` of task a, task b makes vectors of {WIDTH} numbers"
        assert len(server.calls) == 1


def test_an_encoder_that_does_not_answer_is_a_problem() -> None:
    nobody = config(embedder="endpoint:http://me:hidden@127.0.0.1:1/v1#m")
    (found,) = encoder_findings({"a": nobody})
    assert found.level is Level.PROBLEM
    assert found.text.startswith("of task a: `endpoint:http://me:***@127.0.0.1:1/v1#m` can't be opened: ")
    assert "check the address and that the server is up" in found.text


def test_a_folder_that_workers_cannot_open_is_a_problem() -> None:
    missing, other = config(embedder="model2vec:/typo"), config(embedder="onnx:/there")
    gone = EncoderReport("model2vec:/typo", "", 1_000, "no such folder")
    reports = gone, EncoderReport("onnx:/there", "", 9)
    heard = [HeardWorker(WorkerReport("a", "host", ("encode",), 5, (), (), reports), 1.0)]
    configs = {"*": Config(), "a": missing, "b": missing, "c": other}
    (found,) = absent_encoder_findings(configs, heard, 3_000)
    assert found.level is Level.PROBLEM
    assert found.text.startswith("of task a, task b, as workers say: `model2vec:/typo` can't be used since ")
    assert "(2 s): no such folder" in found.text
