"""Past calls are read whatever their columns are called, and what is wrong is named with its line."""

from pathlib import Path

import pytest

from infra.errors import InvalidFile
from infra.files.call_logs import Columns, read_calls
from infra.files.traces import TraceLine

USUAL = Columns()


def written(folder: Path, content: str | bytes, name: str = "calls.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header", ["text{0}label", " Prompt {0}ANSWER", "Input{0}intent", "content{0}Category"]
)
def test_columns_are_found_by_their_usual_names(tmp_path: Path, delimiter: str, header: str) -> None:
    row = f'"a, b; c | d\te"{delimiter}x'
    file = written(tmp_path, f"{header.format(delimiter)}\n{row}\n")
    assert read_calls(file, USUAL, texts=True) == [TraceLine(label="x", text="a, b; c | d\te")]


def test_csv_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    content = (
        "\ufeffId;Prompt;Note;Output;Sampled;weight\r\n"
        '1;"line one\r\nline ""two""";;x;TRUE;\r\n'
        "\r\n"
        "b;\U0001f600\0;unused;y;false;0.5\r\n"
        ";;;z;;\r\n"
    )
    assert read_calls(written(tmp_path, content), USUAL, texts=True) == [
        TraceLine(label="x", text='line one\r\nline "two"', id="1"),
        TraceLine(label="y", text="\U0001f600\0", id="b", sampled=False, weight=0.5),
        TraceLine(label="z", text=""),
    ]


def test_json_lines_have_usual_or_given_names_too(tmp_path: Path) -> None:
    line = '{"prompt": "a", "answer": "x", "gold": "y", "sampled": false, "id": 7}\n\n'
    file = written(tmp_path, line, "calls.jsonl")
    assert read_calls(file, USUAL, texts=True) == [TraceLine(label="x", text="a", sampled=False, id=7)]
    assert read_calls(file, Columns(label="gold"), texts=True)[0].label == "y"


@pytest.mark.parametrize("name", ["calls", "calls.txt"])
def test_a_name_that_tells_no_format_leaves_it_to_the_first_byte(tmp_path: Path, name: str) -> None:
    for content in ('\ufeff\n{"text": "a", "label": "x"}', "text,label\na,x"):
        assert read_calls(written(tmp_path, content, name), USUAL, texts=True)[0].text == "a"


def test_a_text_may_be_as_long_as_it_likes(tmp_path: Path) -> None:
    file = written(tmp_path, f"text,label\n{'long ' * 60_000},x\n")
    assert len(read_calls(file, USUAL, texts=True)[0].text or "") == 300_000


def test_an_empty_file_has_no_calls(tmp_path: Path) -> None:
    for content in ("", "\n\n", "text,label\n", "\ufeff"):
        assert read_calls(written(tmp_path, content), USUAL, texts=True) == []


def test_vectors_alone_need_no_text(tmp_path: Path) -> None:
    file = written(tmp_path, "label\nx\n")
    assert read_calls(file, USUAL, texts=False) == [TraceLine(label="x")]
    with pytest.raises(InvalidFile, match="no column for the text"):
        read_calls(file, USUAL, texts=True)


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
        ('text,label\n"a\nb",x\nc,\n', r"line 4: .*\$\.label"),
        ('text,label\n"a,x\nb,y\n', "line 2: .*quotes must be closed"),
        ('text,label\n"a" b,x\n', "line 2: .*quotes"),
        (b"text,label\na,x\n\xff,y\n", "line 3: not UTF-8"),
        ("text,label\na,x\n".encode("utf-16"), "line 1: not UTF-8"),
        ("text,label,weight\na,x,-1\n", r"line 2: .*\$\.weight"),
        ("text,label,sampled\na,x,perhaps\n", r"line 2: .*\$\.sampled"),
        (",".join(f"c{i}" for i in range(100_001)) + "\n" + "," * 100_000, r"`c0`, .* and 99,989 more"),
    ],
)
def test_csv_that_can_not_be_read_is_named_by_file_and_line(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    with pytest.raises(InvalidFile, match=rf"calls\.csv(: |, ).*{says}"):
        read_calls(written(tmp_path, content), USUAL, texts=True)


@pytest.mark.parametrize(
    "line", ["[1]", "{", '{"text": "a"}', '{"label": "x"}', '{"text": ["a"], "label": "x"}', '"text"']
)
def test_json_that_is_no_call_is_named_by_line(tmp_path: Path, line: str) -> None:
    file = written(tmp_path, f'{{"text": "a", "label": "x"}}\n{line}\n', "calls.jsonl")
    with pytest.raises(InvalidFile, match=r"calls\.jsonl, line 2: "):
        read_calls(file, USUAL, texts=True)


def test_a_column_that_the_user_names_must_be_there(tmp_path: Path) -> None:
    file = written(tmp_path, "text,label\na,x\n")
    with pytest.raises(InvalidFile, match=r"no column for the text \(`Body`\)"):
        read_calls(file, Columns(text="Body"), texts=True)
