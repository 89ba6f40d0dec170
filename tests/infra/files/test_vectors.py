import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import InvalidFile
from infra.files.traces import TraceLine, read_traces
from infra.files.vectors import features, read_vectors


def test_a_vector_may_stand_for_the_text(tmp_path: Path) -> None:
    file, vectors = tmp_path / "traces.jsonl", tmp_path / "vectors.npy"
    file.write_text('{"label": "x"}')
    np.save(vectors, np.array([[1, 2]], dtype=np.float16))
    rows = features(read_traces(file, texts=False), file, vectors)
    assert rows.texts is None
    assert rows.embeddings is not None
    assert rows.embeddings.dtype == np.float32
    assert rows.embeddings.tolist() == [[1, 2]]


def test_there_are_as_many_vectors_as_lines(tmp_path: Path) -> None:
    file, vectors = tmp_path / "traces.jsonl", tmp_path / "vectors.npy"
    np.save(vectors, np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(InvalidFile, match=r"vectors\.npy: has 2 rows, but .*traces\.jsonl has 1 lines"):
        features([TraceLine(label="x")], file, vectors)


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.array([["a"]]), "holds <U1"),
        (np.array([[1]]), "holds int64"),
        (np.zeros(3, dtype=np.float32), "has shape"),
        (np.zeros((3, 0), dtype=np.float32), "not an array|has shape"),
        (np.array([[0.0], [np.nan]], dtype=np.float16), "row 2 "),
        (np.array([[1e300]]), "row 1 "),
    ],
)
def test_vectors_are_finite_floats_in_rows(tmp_path: Path, array: Any, why: str) -> None:
    file = tmp_path / "vectors.npy"
    np.save(file, array)
    with pytest.raises(InvalidFile, match=why):
        read_vectors(file)


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    file = tmp_path / "vectors.npy"
    np.save(file, np.zeros((100, 3), dtype=np.float32))
    truncated = file.read_bytes()[:300]
    np.save(file, np.array([Trap()], dtype=object), allow_pickle=True)
    objects = file.read_bytes()
    archive = io.BytesIO()
    np.savez(archive, a=np.zeros(3))
    for content in (b"", b"no array", pickle.dumps(Trap()), truncated, objects, archive.getvalue()):
        file.write_bytes(content)
        with pytest.raises(InvalidFile, match=r"vectors\.npy: "):
            read_vectors(file)
    assert not (tmp_path / "sprung").exists()
    for absent in (tmp_path, tmp_path / "none.npy"):
        with pytest.raises(InvalidFile):
            read_vectors(absent)
