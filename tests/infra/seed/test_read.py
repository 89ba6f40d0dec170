"""Every format of past calls gives its rows; what is no single call with a text is left out with a reason."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import InvalidFile
from infra.seed.read import SeedFile, read_calls, tracer_target
from streams.recorded_calls.conversation import (
    CUT_OFF,
    FAILED,
    NO_ANSWER,
    NOT_ONLY_TEXT,
    SEVERAL_ANSWERS,
    SEVERAL_TURNS,
)
from streams.recorded_calls.rows import OURS, LeftOut, PastCall, unix_time

AT = 1_764_000_000_000
SYSTEM = {"role": "system", "content": "Classify."}
USER = {"role": "user", "content": "where is my parcel?"}


def read(
    folder: Path,
    content: Any,
    name: str = "calls.jsonl",
    names: Mapping[str, str] | None = None,
    **files: Any,
) -> list[PastCall | LeftOut]:
    """The rows of a file: a list is a record a line, a string is the content."""
    file = folder / name
    file.write_text(content if isinstance(content, str) else "\n".join(map(json.dumps, content)))
    return list(read_calls(SeedFile(file, names or {}, **files)))


def only(folder: Path, record: Any, **options: Any) -> PastCall | LeftOut:
    [found] = read(folder, [record], **options)
    return found


def reason(folder: Path, record: Any) -> str:
    found = only(folder, record)
    assert isinstance(found, LeftOut), found
    return found.reason


def completion(content: Any, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **fields}
    return {"id": "c1", "created": AT // 1000, "model": "m-1", "choices": [{"index": 0, "message": message}]}


def cut_off(content: str) -> dict[str, Any]:
    found = completion(content)
    found["choices"][0]["finish_reason"] = "length"
    return found


STOPPED = {"gen_ai.response.finish_reasons": "length"}
CALL = {"function": {"name": "answer", "arguments": '{"label": "track"}'}}
RESPONSE = {
    "id": "r1",
    "created_at": AT / 1000,
    "model": "m-1",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "track"}]},
    ],
}
SPAN = {"traceId": "ab", "spanId": "cd", "startTimeUnixNano": str(AT * 1_000_000)}


def attribute(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value if isinstance(value, str) else json.dumps(value)}}


def otlp(attributes: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    span = {**SPAN, "attributes": [attribute(*one) for one in attributes.items()], **fields}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


MODEL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.model": "m-1"}
TODAY = otlp(
    MODEL
    | {
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": USER["content"]}]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "track"}]}],
    }
)
EVENTS = otlp(
    MODEL,
    events=[
        {"name": "gen_ai.system.message", "attributes": [attribute("content", "Classify.")]},
        {"name": "gen_ai.user.message", "attributes": [attribute("content", USER["content"])]},
        {"name": "gen_ai.choice", "attributes": [attribute("message", {"content": "track"})]},
    ],
)
INDEXED = otlp(
    {
        "llm.request.type": "chat",
        "gen_ai.response.model": "m-1",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "Classify.",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": USER["content"],
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "track",
    }
)
INFERENCE = otlp(
    {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m-1",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": USER["content"],
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "track",
    }
)
LITELLM = {
    "id": "c1",
    "call_type": "acompletion",
    "status": "success",
    "startTime": AT / 1000,
    "model": "m-1",
    "messages": [SYSTEM, USER],
    "response": completion("track"),
}
LANGFUSE = {
    "id": "c1",
    "traceId": "t",
    "type": "GENERATION",
    "startTime": "2025-11-24T16:00:00Z",
    "model": "m-1",
    "input": [SYSTEM, USER],
    "output": {"role": "assistant", "content": "track"},
}


@pytest.mark.parametrize(
    ("record", "id"),
    [
        pytest.param(
            {"request": {"messages": [SYSTEM, USER]}, "response": completion("track")}, "c1", id="chat"
        ),
        pytest.param({"id": "own", "messages": [USER], "response": completion("track")}, "c1", id="flat"),
        pytest.param({"request": {"input": USER["content"]}, "response": RESPONSE}, "r1", id="responses"),
        pytest.param({"messages": [USER], **completion("track")}, "c1", id="stored"),
        pytest.param(LITELLM, "c1", id="litellm"),
        pytest.param({"standard_logging_object": LITELLM}, "c1", id="litellm-wrapped"),
        pytest.param(LANGFUSE, "c1", id="langfuse"),
        pytest.param(LANGFUSE | {"output": "track", "input": json.dumps([SYSTEM, USER])}, "c1", id="strings"),
        pytest.param({"id": "trace", "observations": [LANGFUSE]}, "c1", id="langfuse-trace"),
        pytest.param(TODAY, "ab-cd", id="otlp"),
        pytest.param(EVENTS, "ab-cd", id="otlp-events"),
        pytest.param(INDEXED, "ab-cd", id="otlp-indexed"),
        pytest.param(INFERENCE, "ab-cd", id="openinference"),
    ],
)
def test_every_log_gives_the_same_row(tmp_path: Path, record: Any, id: str) -> None:  # noqa: A002
    found = only(tmp_path, record)
    assert isinstance(found, PastCall), found
    assert found[1:] == ("track", USER["content"], None, id, AT, "m-1", True, False)


def test_an_indented_file_is_one_record(tmp_path: Path) -> None:
    [found] = read(tmp_path, json.dumps(TODAY, indent=2), "traces.json")
    assert isinstance(found, PastCall)
    assert found.said == "track"


def test_a_batch_needs_its_requests(tmp_path: Path) -> None:
    requests = tmp_path / "input.jsonl"
    requests.write_text(json.dumps({"custom_id": "q1", "body": {"model": "m", "messages": [SYSTEM, USER]}}))
    answer = {"custom_id": "q1", "response": {"status_code": 200, "body": completion("track")}, "error": None}
    failed = {"custom_id": "q1", "response": {"status_code": 500, "body": {}}}
    stray = answer | {"custom_id": "q2"}
    first, *others = read(tmp_path, [answer, failed, stray], requests=requests)
    assert isinstance(first, PastCall)
    assert (first.id, first.text, first.said, first.at) == ("q1", USER["content"], "track", AT)
    assert [one.reason for one in others if isinstance(one, LeftOut)] == [
        FAILED,
        "a batch's answer without its request: name the batch's input with --requests",
    ]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"messages": [USER, {"role": "assistant", "content": "a"}, USER], **completion("b")}, SEVERAL_TURNS),
        ({"messages": [USER]}, NO_ANSWER),
        (
            {
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
                **completion("b"),
            },
            NOT_ONLY_TEXT,
        ),
        ({"messages": [USER], "choices": completion("a")["choices"] * 2}, SEVERAL_ANSWERS),
        ({"messages": [USER], **completion(None)}, NO_ANSWER),
        ({"messages": [USER], **completion(None, tool_calls=[CALL, CALL])}, SEVERAL_ANSWERS),
        (LITELLM | {"status": "failure"}, FAILED),
        (LITELLM | {"call_type": "aembedding"}, "not a call of a model"),
        (LANGFUSE | {"type": "SPAN"}, "not a call of a model"),
        (LANGFUSE | {"level": "ERROR"}, FAILED),
        (otlp(MODEL), "no message of the user with text"),
        (TODAY["resourceSpans"] and otlp(MODEL, status={"code": 2}), FAILED),
        ({"messages": [USER], **cut_off("tra")}, CUT_OFF),
        ({"request": {"input": "a"}, "response": RESPONSE | {"status": "incomplete"}}, CUT_OFF),
        (LANGFUSE | {"output": cut_off("tra")}, CUT_OFF),
        (otlp(MODEL | {"gen_ai.prompt": "a", "gen_ai.completion": "t", **STOPPED}), CUT_OFF),
        ({"text": "a"}, "no label"),
    ],
)
def test_what_is_no_single_call_is_left_out(tmp_path: Path, record: Any, why: str) -> None:
    assert reason(tmp_path, record) == why


def test_spans_of_other_work_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, [otlp({"http.method": "GET"}), otlp({"gen_ai.operation.name": "embeddings"})]) == []


@pytest.mark.parametrize("text", [[{"type": "text", "text": "where is"}, {"type": "text", "text": "it?"}]])
def test_tools_and_parts_of_text_are_read(tmp_path: Path, text: Any) -> None:
    record = {"messages": [{"role": "user", "content": text}], **completion(None, tool_calls=[CALL])}
    found = only(tmp_path, record)
    assert isinstance(found, PastCall)
    assert (found.text, found.said) == ("where is\nit?", '{"label": "track"}')


def test_plain_fields_have_usual_names_or_those_given(tmp_path: Path) -> None:
    plain = {"input": "a", "teacher": "x", "id": 7, "timestamp": AT, "sampled": False}
    assert only(tmp_path, plain) == PastCall("the file", "x", "a", None, "7", AT, None, False, True)
    nested = {"body": {"text": "a", "kind": "x"}, "input": "other", "messages": [USER]}
    found = only(tmp_path, nested, names={"text": "body.text", "label": "body.kind"})
    assert isinstance(found, PastCall)
    assert (found.text, found.said, found.is_label) == ("a", "x", True)


def test_only_the_records_that_are_meant_are_read(tmp_path: Path) -> None:
    logs = [LITELLM | {"id": app, "metadata": {"app": app}} for app in ("a", "b")]
    spans = otlp(MODEL | {"app": "a"}), otlp(MODEL | {"app": "b"})
    observations = {"observations": [LANGFUSE | {"id": app, "metadata": {"app": app}} for app in ("a", "b")]}
    [found] = read(tmp_path, logs, where={"metadata.app": "b"})
    assert isinstance(found, PastCall)
    assert found.id == "b"
    assert len(read(tmp_path, spans, where={"app": "a"})) == 1
    assert len(read(tmp_path, [observations], where={"metadata.app": "a", "type": "GENERATION"})) == 1
    assert read(tmp_path, logs, where={"nowhere": "x"}) == []


def test_csv_and_its_times(tmp_path: Path) -> None:
    content = "text,label,created_at\na,x,2025-11-24T16:00:00\nb,y,\n"
    first, second = read(tmp_path, content, "calls.csv")
    assert isinstance(first, PastCall)
    assert isinstance(second, PastCall)
    assert (first.place, first.at, second.said, second.at) == ("line 2", AT, "y", None)


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed (extra `seed`)")
def test_parquet_keeps_times_and_vectors(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    moment = arrow.array([AT], arrow.timestamp("ms", tz="UTC"))
    table = arrow.table({"text": ["a"], "label": ["x"], "time": moment, "embedding": [[1.0, 2.0]]})
    parquet.write_table(table, tmp_path / "calls.parquet")
    [found] = read_calls(SeedFile(tmp_path / "calls.parquet", {}))
    assert isinstance(found, PastCall)
    assert (found.at, found.embedding) == (AT, [1.0, 2.0])


def test_a_folder_of_tracer_gives_traces_vectors_and_target(tmp_path: Path) -> None:
    (tmp_path / "all_traces.jsonl").write_text(
        '{"input": "a", "teacher": "x"}\n{"input": "b", "teacher": "y"}\n'
    )
    (tmp_path / "pipeline.joblib").write_bytes(b"never read")
    np.save(tmp_path / "index.embeddings.npy", np.array([[1, 2], [3, 4]], np.float32))
    (tmp_path / "config.json").write_text('{"target_teacher_agreement": 0.9}')
    first, second = read_calls(SeedFile(tmp_path, {}))
    assert isinstance(first, PastCall)
    assert isinstance(second, PastCall)
    assert (first.text, first.said, second.embedding) == ("a", "x", np.array([3, 4], "<f4").tobytes())
    assert tracer_target(tmp_path) == 0.9


def test_vectors_of_another_number_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros((3, 2), np.float32))
    with pytest.raises(InvalidFile, match=r"has 3 rows, but .* has 1 records"):
        read(tmp_path, [{"text": "a", "label": "x"}], embeddings=tmp_path / "v.npy")
    with pytest.raises(InvalidFile, match="no folder of TRACER"):
        list(read_calls(SeedFile(tmp_path, {})))


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1_764_000_000, AT),
        (1_764_000_000.0, AT),
        ("1764000000", AT),
        (AT, AT),
        (AT * 1000, AT),
        (AT * 1_000_000, AT),
        (str(AT * 1_000_000), AT),
        ("2025-11-24T16:00:00Z", AT),
        ("2025-11-24T17:00:00+01:00", AT),
        ("2025-11-24 16:00:00", AT),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (-1, None),
        (float("nan"), None),
        ([], None),
    ],
)
def test_times_are_read_in_every_unit(value: Any, at: int | None) -> None:
    assert unix_time(value) == at


@pytest.mark.parametrize("answering", ["understudy/t", "m-1"])
def test_a_call_that_went_through_a_gateway_is_left_out(tmp_path: Path, answering: str) -> None:
    asked = {"model": "m-1" if answering.startswith("understudy") else "understudy/t", "messages": [USER]}
    said = completion("track") | {"model": answering}
    litellm = {"call_type": "completion", **asked, "response": said}
    chat = {"request": asked | {"model": "m"}, "response": said | {"model": "understudy/t"}}
    assert {reason(tmp_path, litellm), reason(tmp_path, chat)} == {OURS}
