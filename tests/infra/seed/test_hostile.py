"""Whatever stands in a log: each record becomes a row or is left out, and none ends the command."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.seed.plan import SeedRules, plan_seed
from infra.seed.read import SeedFile, read_calls
from schemas.config import Config

_KEYS = [
    "messages",
    "request",
    "response",
    "input",
    "output",
    "choices",
    "message",
    "role",
    "content",
    "parts",
    "type",
    "text",
    "tool_calls",
    "function",
    "arguments",
    "traceId",
    "observations",
    "call_type",
    "status",
    "standard_logging_object",
    "custom_id",
    "body",
    "status_code",
    "error",
    "label",
    "id",
    "time",
    "created",
    "model",
    "sampled",
    "embedding",
    "resourceSpans",
    "scopeSpans",
    "spans",
    "attributes",
    "key",
    "value",
    "events",
    "name",
    "stringValue",
    "arrayValue",
    "values",
    "kvlistValue",
    "level",
]
_WORDS = [
    "user",
    "system",
    "assistant",
    "tool",
    "text",
    "GENERATION",
    "ERROR",
    "acompletion",
    "success",
    "failure",
    "chat",
    "gen_ai.operation.name",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.choice",
    "gen_ai.user.message",
    "openinference.span.kind",
    "LLM",
    "llm.input_messages.0.message.content",
    "gen_ai.completion.0.tool_calls.0.arguments",
    "function_call",
]
_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(_WORDS)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.just('[{"role": "user", "content": "a"}]')
)
_keys = st.sampled_from(_KEYS)
_json = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)
_formats: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"messages": None, "choices": None},
        {"request": None, "response": None},
        {"call_type": "acompletion", "messages": None, "response": None},
        {"traceId": "t", "input": None, "output": None},
        {"custom_id": "a", "response": None},
        {"observations": None},
        {"resourceSpans": None},
        {"text": None, "label": None},
        {},
    ]
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A record that has the fields of a format, with anything in them."""
    record = {name: draw(_json) if value is None else value for name, value in draw(_formats).items()}
    spans = record.get("resourceSpans")
    if "resourceSpans" in record and draw(st.booleans()):
        span = {"attributes": [{"key": draw(st.sampled_from(_WORDS)), "value": {"stringValue": spans}}]}
        record["resourceSpans"] = [{"scopeSpans": [{"spans": [span | draw(st.dictionaries(_keys, _json))]}]}]
    return draw(st.dictionaries(_keys, _json, max_size=3)) | record


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records(), min_size=1, max_size=3))
def test_no_record_ends_the_command(made: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "calls.jsonl"
        file.write_text("\n".join(map(json.dumps, made)))
        plan = plan_seed(read_calls(SeedFile(file, {})), SeedRules("t", Config(), 10**13, 10**6))
    assert len(plan.traces) + plan.left_out.total() == plan.read
