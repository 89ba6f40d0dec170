import io
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from infra.errors import InvalidFile
from infra.files.formats import STANDARD_INPUT
from infra.files.traces import RequestLine, TraceLine, learned_lines, read_requests, read_traces, training_set
from models.features import Features
from models.training.thinning import thin_out


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


def test_of_many_lines_a_draw_is_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.files.traces.thin_out", partial(thin_out, most=50))
    lines = [TraceLine("yes", f"{number}") for number in range(200)]
    once = np.arange(0, 200, 2)
    rows, kept, drawn_from = learned_lines(lines, once)
    assert [line.text for line in kept] == [f"{row}" for row in rows.tolist()]
    assert set(rows.tolist()) < set(once.tolist())
    assert (len(kept), sum(line.sampled for line in kept), drawn_from) == (50, 40, 100)
    texts = Features(texts=[line.text or "" for line in kept])
    assert training_set(kept, texts, ordered=True, drawn_from=drawn_from).drawn_from == 100
    assert learned_lines(lines, once[:50])[1:] == ([lines[row] for row in once[:50]], None)


def test_an_empty_label_is_told_by_its_column(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("text,intent\na,x\nb,\n")
    with pytest.raises(InvalidFile, match=r"calls.csv, line 3: `intent` is empty: leave out what has no"):
        read_traces(file, texts=True)
