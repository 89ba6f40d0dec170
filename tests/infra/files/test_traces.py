import io
import sys
from pathlib import Path

import pytest

from infra.errors import InvalidFile
from infra.files.formats import STANDARD_INPUT
from infra.files.traces import RequestLine, TraceLine, read_requests, read_traces


def test_traces_are_sampled_with_weight_one(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(
        '{"text": "a", "label": "x", "more": [1]}\r\n\n{"text":"b","label":"y","sampled":false,"id":7}'
    )
    assert read_traces(file, texts=True) == [
        TraceLine(label="x", text="a", sampled=True, weight=1.0),
        TraceLine(label="y", text="b", sampled=False, id=7),
    ]


def test_requests_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"}')))
    assert read_requests(STANDARD_INPUT, texts=True) == [RequestLine(text="a")]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"nothing",
        b"\xff\xfe",
        b'{"text": "\xff", "label": "x"}',
        b'{"text": "a"}',
        b'{"text": "a", "label": ""}',
        b'{"text": "a", "label": null}',
        b'{"text": 1, "label": "x"}',
        b'{"text": "a", "label": "x", "sampled": "yes"}',
        b'{"text": "a", "label": "x", "weight": -1}',
        b'{"text": "a", "label": "x", "weight": 1e999}',
        b'{"label": "x"}',
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_bytes(b'{"text": "good", "label": "x"}\n\n' + line + b"\n")
    with pytest.raises(InvalidFile, match=r"traces\.jsonl, line 3[:,] "):
        read_traces(file, texts=True)
