"""An encoder that processes can't use is named with since when, where and why, for the tasks that name it."""

from typing import Any

import msgspec

from schemas.config import Config, config_of, parse_override
from streams.encoder_spec import encoder_spec
from streams.state.workers import EncoderReport, HeardWorker, WorkerReport
from streams.status.absent_encoders import absent_encoders, absent_sentence

PROBE = "probe:http://me:secret@llm/v1#m"
SHOWN = "probe:http://me:***@llm/v1#m"
PROBLEM = f"`{SHOWN}` can't be opened: no connection"


def config(**fields: Any) -> Config:
    return config_of("t", {"t": parse_override(msgspec.json.encode(fields))})


def heard(host: str, *encoders: EncoderReport, age: float = 1.0) -> HeardWorker:
    return HeardWorker(WorkerReport(host, host, ("encode",), 5, (), (), encoders), age)


def prompt_of(given: Config) -> str:
    spec = encoder_spec(given)
    assert spec is not None
    return spec.parts[-1].prompt_hash


def test_the_longest_absence_counts_and_those_that_are_silent_do_not() -> None:
    task = config(embedder=f"text>onnx:/m>{PROBE}")
    probe = prompt_of(task)
    workers = [
        heard("a", EncoderReport("onnx:/m", "", 9), EncoderReport(SHOWN, probe, 70_000, PROBLEM)),
        heard("b", EncoderReport(SHOWN, probe, 60_000, PROBLEM)),
        heard("c", EncoderReport(SHOWN, probe, 50_000)),
        heard("d", EncoderReport("onnx:/m", "", 5, "killed"), age=500.0),
    ]
    (absent,) = absent_encoders(task, workers)
    assert (absent.source, absent.since, absent.hosts, absent.processes) == (SHOWN, 60_000, ("a", "b"), 3)
    sentence = absent_sentence(absent, 121_000)
    assert sentence.startswith(f"`{SHOWN}` can't be used since ")
    assert "(1 min 1 s) in 2 of 3 processes (on a, b): can't be opened: no connection; " in sentence
    assert "go to the teacher" in sentence
    (everywhere,) = absent_encoders(task, workers[:2])
    assert "processes" not in absent_sentence(everywhere, 121_000)


def test_another_prompt_is_another_encoder() -> None:
    task, other = (config(embedder=PROBE, probe_prompt=f"{text} {{text}}") for text in ("one", "two"))
    workers = [heard("a", EncoderReport(SHOWN, prompt_of(other), 1, PROBLEM))]
    assert absent_encoders(task, workers) == ()
    assert len(absent_encoders(other, workers)) == 1
    assert absent_encoders(config(embedder="text"), workers) == ()
