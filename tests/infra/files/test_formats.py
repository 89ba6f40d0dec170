"""Files are read whatever their format, and what is wrong is named with its place."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra.errors import InvalidFile
from infra.files import formats
from infra.files.columns import USUAL, Columns
from infra.files.traces import TraceLine, read_traces

ROWS = [TraceLine(label="x", text="a", id="1"), TraceLine(label="y", text="b", id="2")]


def written(folder: Path, content: str | bytes, name: str = "calls.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "id,text,label\n1,a,x\n2,b,y\n"),
        ("rows.tsv", "id\ttext\tlabel\n1\ta\tx\n2\tb\ty\n"),
        ("rows.jsonl", '{"id":"1","text":"a","label":"x"}\n\n{"id":"2","text":"b","label":"y"}'),
        ("rows.ndjson", '{"id":"1","text":"a","label":"x"}\n{"id":"2","text":"b","label":"y"}\n'),
        ("rows.json", '[{"id":"1","text":"a","label":"x"},\n {"id":"2","text":"b","label":"y"}]'),
        ("rows.jsonl", ' [{"id":"1","text":"a","label":"x"},{"id":"2","text":"b","label":"y"}]'),
        ("rows.json", '{"id":"1","text":"a","label":"x"}\n{"id":"2","text":"b","label":"y"}\n'),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    assert read_traces(written(tmp_path, content, name), texts=True) == ROWS
    assert read_traces(written(tmp_path, f"\ufeff{content}", "rows"), texts=True) == ROWS


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"id": ["1", "2"], "text": ["a", "b"], "label": ["x", "y"]})
    for name in ("rows.parquet", "rows"):
        parquet.write_table(table, tmp_path / name)
        assert read_traces(tmp_path / name, texts=True) == ROWS


def test_parquet_without_a_library_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _name: None)
    with pytest.raises(InvalidFile, match="pip install pyarrow"):
        read_traces(written(tmp_path, b"PAR1...", "rows.parquet"), texts=True)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", "text,label\na,x\n", "looks like CSV, but its name says JSON"),
        ("a.json", "text;label\na;x\n", "looks like CSV, but its name says JSON"),
        ("a.csv", '{"text": "a", "label": "x"}\n', "looks like JSON Lines, but its name says CSV"),
        ("a.csv", '[{"text": "a", "label": "x"}]', "looks like a JSON array, but its name says CSV"),
        ("a.parquet", "text,label\na,x\n", "looks like CSV, but its name says Parquet"),
        ("a.csv", b"PAR1\0\0", "looks like Parquet, but its name says CSV"),
        ("a.csv", b"PK\x03\x04sheet", "looks like an Excel workbook.*save it as CSV"),
        ("a.jsonl", b"\x1f\x8b\x08", "looks like a gzip archive; unpack it first"),
        ("a.npy", b"\x93NUMPY\x01\x00", "looks like vectors in .npy format; .* --embeddings"),
        ("a.gguf", b"GGUF\x03\0\0\0", "looks like the weights of an LLM; name a file of texts"),
        ("a.csv", "text,label\na,x\n".encode("utf-16"), "looks like UTF-16 text; save it as UTF-8"),
    ],
)
def test_a_false_name_is_told(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    with pytest.raises(InvalidFile, match=rf"{name}: this {says}"):
        read_traces(written(tmp_path, content, name), texts=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"text,label\na,x\n\xc3\xa4b\xff,y\n"),
        ("a.jsonl", b'{"text": "a", "label": "x"}\n\n\xc3\xa4b\xff'),
        ("a.json", b"[\n\n\xc3\xa4b\xff"),
    ],
)
def test_a_bad_byte_is_named_by_line_and_column(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(InvalidFile, match=rf"{name}, line 3, column 3: not UTF-8 .*0xff"):
        read_traces(written(tmp_path, content, name), texts=True)


def test_a_pipe_gives_each_line_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "wb", buffering=0) as feed:
        monkeypatch.setattr(sys, "stdin", stdin)
        feed.write(b'\n{"text": "a"}\n')
        records = formats.stream_records(len)
        assert next(records).record == {"text": "a"}
        feed.write(b'{"text": "b"}\n')
        assert next(records)[:2] == ("line 3", {"text": "b"})


def test_array_errors_name_item_or_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"a\.json, item 2: .*label"):
        read_traces(written(tmp_path, '[{"text":"a","label":"x"},{"text":"b"}]', "a.json"), texts=True)
    with pytest.raises(InvalidFile, match=r"a\.json, line 3: "):
        read_traces(written(tmp_path, '[\n{"text":"a"},\n{"text"]', "a.json"), texts=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header", ["text{0}label", " Prompt {0}ANSWER", "Input{0}intent", "content{0}Category"]
)
def test_columns_have_usual_names(tmp_path: Path, delimiter: str, header: str) -> None:
    row = f'"a, b; c | d\te"{delimiter}x'
    file = written(tmp_path, f"{header.format(delimiter)}\n{row}\n")
    assert read_traces(file, USUAL, texts=True) == [TraceLine(label="x", text="a, b; c | d\te")]


def test_csv_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    content = (
        "\ufeffId;Prompt;Note;Output;Sampled;weight\r\n"
        '1;"line one\r\nline ""two""";;x;TRUE;\r\n'
        "\r\n"
        "b;\U0001f600\0;unused;y;false;0.5\r\n"
        ";;;z;;\r\n"
    )
    assert read_traces(written(tmp_path, content), USUAL, texts=True) == [
        TraceLine(label="x", text='line one\r\nline "two"', id="1"),
        TraceLine(label="y", text="\U0001f600\0", id="b", sampled=False, weight=0.5),
        TraceLine(label="z", text=""),
    ]


def test_json_columns_may_be_named(tmp_path: Path) -> None:
    line = '{"prompt": "a", "answer": "x", "gold": "y", "sampled": false, "id": 7}\n\n'
    file = written(tmp_path, line, "calls.jsonl")
    assert read_traces(file, USUAL, texts=True) == [TraceLine(label="x", text="a", sampled=False, id=7)]
    assert read_traces(file, Columns(label="gold"), texts=True)[0].label == "y"


@pytest.mark.parametrize("name", ["calls", "calls.txt"])
def test_without_a_suffix_the_content_decides(tmp_path: Path, name: str) -> None:
    for content in ('\ufeff\n{"text": "a", "label": "x"}', "text,label\na,x"):
        assert read_traces(written(tmp_path, content, name), USUAL, texts=True)[0].text == "a"


def test_a_text_may_be_long(tmp_path: Path) -> None:
    file = written(tmp_path, f"text,label\n{'long ' * 60_000},x\n")
    assert len(read_traces(file, USUAL, texts=True)[0].text or "") == 300_000


def test_an_empty_file_has_no_calls(tmp_path: Path) -> None:
    for content in ("", "\n\n", "text,label\n", "\ufeff"):
        assert read_traces(written(tmp_path, content), USUAL, texts=True) == []


def test_vectors_alone_need_no_text(tmp_path: Path) -> None:
    file = written(tmp_path, "label\nx\n")
    assert read_traces(file, USUAL, texts=False) == [TraceLine(label="x")]
    with pytest.raises(InvalidFile, match="no column for the text"):
        read_traces(file, USUAL, texts=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "question,label\na,x\n",
            r"no column for the text \(any of text, prompt.*`question`, `label`; name it",
        ),
        ("text,verdict\na,x\n", r"no column for the label .*--label-column"),
        ("text,label\na,x\nb\n", "line 3: 1 columns, but the header has 2"),
        ("text,label\na,x\nb,y,z\n", "line 3: 3 columns"),
        ('text,label\n"a\nb",x\nc,\n', "line 4: `label` is empty"),
        ('text,label\n"a,x\nb,y\n', "line 2: .*quotes must be closed"),
        ('text,label\n"a" b,x\n', "line 2: .*quotes"),
        (b"text,label\na,x\n\xff,y\n", "line 3, column 1: not UTF-8"),
        ("text,label,weight\na,x,-1\n", r"line 2: .*\$\.weight"),
        ("text,label,sampled\na,x,perhaps\n", r"line 2: .*\$\.sampled"),
        (",".join(f"c{i}" for i in range(100_001)) + "\n" + "," * 100_000, r"`c0`, .* and 99,989 more"),
    ],
)
def test_bad_csv_is_named_by_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(InvalidFile, match=rf"calls\.csv(: |, ).*{says}"):
        read_traces(written(tmp_path, content), USUAL, texts=True)


@pytest.mark.parametrize(
    "line", ["[1]", "{", '{"text": "a"}', '{"label": "x"}', '{"text": ["a"], "label": "x"}', '"text"']
)
def test_bad_json_is_named_by_line(tmp_path: Path, line: str) -> None:
    file = written(tmp_path, f'{{"text": "a", "label": "x"}}\n{line}\n', "calls.jsonl")
    with pytest.raises(InvalidFile, match=r"calls\.jsonl, line 2: "):
        read_traces(file, USUAL, texts=True)


def test_a_named_column_must_be_there(tmp_path: Path) -> None:
    file = written(tmp_path, "text,label\na,x\n")
    with pytest.raises(InvalidFile, match=r"no column for the text \(`Body`\)"):
        read_traces(file, Columns(text="Body"), texts=True)
