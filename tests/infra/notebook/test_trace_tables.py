"""The same traces, whatever a notebook holds them in."""

import base64
import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from infra.files.columns import Columns
from infra.files.traces import TraceLine
from infra.notebook.trace_tables import TraceTable, trace_table
from models.errors import TrainingError
from tests.infra.notebook.conftest import Frame

TEXTS = ["where is it", 'a "quoted", text\nof two lines', "", "zwölf"]
LABELS = ["parcel", "other", "other", "parcel"]
ROWS: list[dict[str, Any]] = [
    {"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)
]
LINES = [TraceLine(label, text) for text, label in zip(TEXTS, LABELS, strict=True)]


def read(data: Any, labels: Any = None, **more: Any) -> TraceTable:
    columns = Columns(
        more.pop("text_column", None), more.pop("label_column", None), more.pop("id_column", None)
    )
    return trace_table(data, labels, columns=columns, texts=more.pop("texts", True), **more)


class DataSet(list[dict[str, Any]]):
    """Has what a fit uses of a data set of Hugging Face."""

    features: ClassVar = {
        "label": SimpleNamespace(int2str=["other", "parcel"].__getitem__),
        "text": SimpleNamespace(),
    }


def test_every_form_gives_the_same_traces(tmp_path: Path) -> None:
    lines = tmp_path / "traces.jsonl"
    lines.write_bytes(b"\n".join(map(msgspec.json.encode, ROWS)))
    table = tmp_path / "traces.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(TEXTS, LABELS, strict=True)])
    numbered = DataSet({"text": row["text"], "label": int(row["label"] == "parcel")} for row in ROWS)
    columns = {"text": TEXTS, "label": LABELS}
    forms = [lines, str(table), ROWS, iter(ROWS), columns, Frame(columns), numbered]
    assert [list(read(form).lines) for form in forms] == [LINES] * len(forms)
    assert list(read(TEXTS, LABELS).lines) == LINES
    assert list(read(np.array(TEXTS), np.array(LABELS)).lines) == LINES


def test_columns_may_be_named() -> None:
    rows = [{"body": line.text, "intent id": line.label, "key": place} for place, line in enumerate(LINES)]
    found = read(rows, text_column="body", label_column="intent id", id_column="key").lines
    assert [line.id for line in found] == [0, 1, 2, 3]
    assert [(line.text, line.label) for line in found] == [(line.text, line.label) for line in LINES]


def test_a_missing_column_is_named_as_an_argument() -> None:
    with pytest.raises(TrainingError, match=r"no column for the text .* name it with text_column="):
        read([{"body": "a", "label": "b"}])


def test_sampled_and_weight_are_taken_where_given() -> None:
    more: dict[str, list[Any]] = {
        "sampled": [True, False, None, True],
        "weight": [1.0, 2.0, float("nan"), 0.0],
    }
    found = read(Frame({"text": TEXTS, "label": LABELS, **more})).lines
    assert [line.sampled for line in found] == [True, False, True, True]
    assert [line.weight for line in found] == [1.0, 2.0, 1.0, 0.0]


def test_a_first_row_may_lack_a_cell() -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": "p", "text": "a", "label": "x", "Sampled": None},
        {"prompt": "p", "text": "b", "label": "x", "Sampled": False},
    ]
    assert [line.sampled for line in read(rows).lines] == [True, False]
    rows[0]["text"] = None
    with pytest.raises(TrainingError, match="row 1: no `text`"):
        read(rows)


def test_sampled_may_be_given_beside_the_traces() -> None:
    found = read(TEXTS, LABELS, sampled=np.array([1, 0, 0, 1], dtype=np.bool_)).lines
    assert [line.sampled for line in found] == [True, False, False, True]
    with pytest.raises(TrainingError, match="sampled: 1 values"):
        read(TEXTS, LABELS, sampled=[True])


@pytest.mark.parametrize("label", [None, float("nan"), 3, "", ["a"]])
def test_a_row_without_a_label_is_named(label: object) -> None:
    with pytest.raises(TrainingError, match=r"row 2.*label"):
        read([{"text": "a", "label": "b"}, {"text": "c", "label": label}])


@pytest.mark.parametrize("text", [None, float("nan"), 3])
def test_a_row_without_a_text_is_named(text: object) -> None:
    with pytest.raises(TrainingError, match=r"row 2.*text"):
        read([{"text": "a", "label": "b"}, {"text": text, "label": "b"}])


def test_a_torn_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_bytes(msgspec.json.encode(ROWS[0]) + b'\n{"text": "tor\n')
    with pytest.raises(TrainingError, match="line 2"):
        read(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none\.jsonl.*No such file"):
        read(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("data", "labels", "sentence"),
    [
        (TEXTS, None, "texts without labels"),
        (ROWS, TEXTS[:1], "but there are"),
        (3, None, "int given"),
        ([3], None, "rows of int"),
        ("traces.jsonl", LABELS, "labels: given beside"),
        (Frame({"text": TEXTS}), LABELS, "labels: given beside"),
        ({"train": ["a"], "test": []}, None, "give one split"),
    ],
)
def test_other_data_is_refused(data: object, labels: object, sentence: str) -> None:
    with pytest.raises((TypeError, TrainingError), match=sentence):
        read(data, labels)


VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) + 1


def test_vectors_come_from_arrays_files_and_columns(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", VECTORS)
    packed = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in VECTORS]
    forms: list[tuple[Any, Any]] = [
        (ROWS, VECTORS),
        (ROWS, VECTORS.tolist()),
        (ROWS, tmp_path / "vectors.npy"),
        (ROWS, str(tmp_path / "vectors.npy")),
        ([row | {"v": vector} for row, vector in zip(ROWS, VECTORS.tolist(), strict=True)], "v"),
        ([row | {"v": vector} for row, vector in zip(ROWS, packed, strict=True)], "v"),
        (Frame({"text": TEXTS, "label": LABELS, "v": list(VECTORS)}), "v"),
    ]
    for data, embeddings in forms:
        np.testing.assert_array_equal(read(data, embeddings=embeddings).vectors, VECTORS)


def test_vectors_need_no_texts() -> None:
    found = read(None, LABELS, embeddings=VECTORS, texts=False)
    assert [line.text for line in found.lines] == [None] * 4
    np.testing.assert_array_equal(found.vectors, VECTORS)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (None, "no vector in `v`"),
        ("no base64!", "row 2, `v`: no vector"),
        ("AAA=", "row 2, `v`: no vector"),
        ([1.0, 2.0], "2 numbers in `v`, 3 before"),
        ([[1.0]], "shape"),
        ([1.0, "x", 2.0], "row 2, `v`: no vector"),
    ],
)
def test_a_bad_vector_is_named(cells: object, sentence: str) -> None:
    rows = [ROWS[0] | {"v": [1.0, 2.0, 3.0]}, ROWS[1] | {"v": cells}]
    with pytest.raises(TrainingError, match=sentence):
        read(rows, embeddings="v")


def test_vectors_and_traces_must_be_as_many() -> None:
    with pytest.raises(TrainingError, match="3 rows, but there are 4 traces"):
        read(ROWS, embeddings=VECTORS[:3])
