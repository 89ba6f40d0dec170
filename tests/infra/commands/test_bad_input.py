"""Bad input ends in an error that names it, or in a sound answer; never in a traceback."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.manifest import FORMAT
from models.training_set import WIDEST
from tests.infra import parcels
from tests.infra.conftest import Ended, Run

Rows = list[dict[str, Any]]
COMMANDS = ("fit", "scan", "evaluate", "predict")
DEEP = b'{"text": "a", "label": "x", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.fixture
def command(understudy: Run, policy: Path, tmp_path: Path) -> Callable[..., Ended]:
    """Runs a command on a file; never with a traceback."""

    def run(name: str, file: Path, *more: object) -> Ended:
        folders = [policy] if name in {"evaluate", "predict"} else []
        out = ["--out", tmp_path / "made"] if name == "fit" else []
        ended = understudy(name, *folders, file, *out, *more)
        assert "Traceback" not in ended.err
        return ended

    return run


def raw(folder: Path, content: bytes, name: str = "bad.jsonl") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"[1, 2]", "Expected `object`"),
        (b'"text"', "Expected `object`"),
        (b'{"text": "a", "label"', "truncated"),
        (b'{"text": "\xff", "label": "x"}', "column 11: not UTF-8"),
        (b'{"text": "\\ud800", "label": "x"}', "surrogate"),
        ('{"text": "a", "label": "x"}'.encode("utf-16"), "column 1: not UTF-8"),
        (DEEP, "recursion"),
        (b'{"text": 5, "label": "x"}', "text"),
        (b'{"text": null, "label": "x"}', "no `text`"),
    ],
)
def test_an_unreadable_line_is_named(
    command: Callable[..., Ended], tmp_path: Path, name: str, line: bytes, says: str
) -> None:
    ended = command(name, raw(tmp_path, b'{"text": "good", "label": "x"}\n' + line + b"\n"))
    assert (ended.status, ended.out) == (2, "")
    assert re.search("bad.jsonl, line 2[:,] ", ended.err)
    assert says in ended.err


@pytest.mark.parametrize("name", ["fit", "scan", "evaluate"])
@pytest.mark.parametrize(
    ("more", "says"),
    [
        (b"", "label"),
        (b', "label": ""', "label"),
        (b', "label": null', "label"),
        (b', "label": "x", "weight": -0.1', "weight"),
        (b', "label": "x", "weight": NaN', "malformed"),
        (b', "label": "x", "weight": 1e999', "range"),
        (b', "label": "x", "sampled": 1', "sampled"),
    ],
)
def test_a_bad_trace_is_named(
    command: Callable[..., Ended], tmp_path: Path, name: str, more: bytes, says: str
) -> None:
    good = b'{"text": "a", "label": "x", "answer": "x"}\n'
    ended = command(name, raw(tmp_path, good + b'{"text": "a"' + more + b"}\n"))
    assert (ended.status, ended.out) == (2, "")
    assert "bad.jsonl, line 2: " in ended.err
    assert says in ended.err


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_teaches_nothing(command: Callable[..., Ended], tmp_path: Path, content: bytes) -> None:
    file = raw(tmp_path, content)
    for name in ("fit", "scan"):
        ended = command(name, file)
        assert (ended.status, ended.out) == (2, "")
        assert "no traces" in ended.err
    assert json.loads(command("evaluate", file, "--json").out)["rows"] == 0
    assert command("predict", file).out == ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"label": "same"}, "one label only, 'same'"),
        ({"sampled": False}, "too few sampled traces: 0"),
        ({"text": "\U0001f600"}, "did not pass the gate"),
        ({"text": "\0\0"}, "did not pass the gate"),
        ({"text": ""}, "did not pass the gate"),
    ],
)
def test_poor_traces_are_refused_with_the_reason(
    command: Callable[..., Ended], tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    file = parcels.write(tmp_path / "poor.jsonl", [{**row, **change} for row in parcels.traces(200)])
    fitted, told = command("fit", file, "--json"), command("scan", file, "--json")
    assert (fitted.status, told.status) == (1, 1)
    assert says in json.loads(fitted.out)["refused"][0]
    assert all(says in target["refused"][0] for target in json.loads(told.out)["targets"])
    assert not (tmp_path / "made" / "manifest.json").exists()


@pytest.mark.parametrize(
    "text", ["\U0001f600\U0001f4a5" * 3, "\0" * 5, "", "where is my parcel " * 5_500, "\u202eabc\u200b"]
)
def test_an_odd_text_is_answered_soundly(command: Callable[..., Ended], tmp_path: Path, text: str) -> None:
    rows = [*parcels.traces(300), {"text": text, "label": "track"}, {"text": text, "label": "once"}]
    file = parcels.write(tmp_path / "odd.jsonl", rows)
    made = json.loads(command("fit", file, "--target", "0.9", "--json").out)
    assert (made["refused"], made["labels"]) == (None, 4)
    told = [json.loads(line) for line in command("predict", file).out.splitlines()]
    assert len(told) == len(rows)
    assert all(0.0 <= row["score"] <= 1.0 for row in told)
    assert "once" not in {row["label"] for row in told if row["handled"]}


def test_a_label_seen_once_is_never_answered(
    understudy: Run, command: Callable[..., Ended], tmp_path: Path
) -> None:
    rows = [*parcels.traces(300), {"text": "may I sing to your driver", "label": "once"}]
    file = parcels.write(tmp_path / "rare.jsonl", rows)
    assert command("fit", file).status == 0
    assert json.loads((tmp_path / "made" / "manifest.json").read_text())["blocked"] == ["once"]
    told = understudy("predict", tmp_path / "made", file).out.splitlines()
    assert not json.loads(told[-1])["handled"] or json.loads(told[-1])["label"] != "once"


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        (np.zeros((199, 4), dtype=np.float32), "199 rows, but"),
        (np.zeros((200, 0), dtype=np.float32), "vectors must be|not an array"),
        (np.zeros(200, dtype=np.float32), "shape"),
        (np.zeros((200, 4), dtype=np.int64), "holds int64"),
        (np.full((200, 4), np.nan, dtype=np.float16), "row 1 .* not finite"),
        (np.full((200, 4), np.inf, dtype=np.float32), "row 1 .* not finite"),
        (np.zeros((200, WIDEST + 1), dtype=np.float16), "must be at most"),
    ],
)
@pytest.mark.parametrize("name", ["fit", "scan"])
def test_vectors_must_match_the_traces(
    command: Callable[..., Ended], tmp_path: Path, name: str, vectors: Any, says: str
) -> None:
    file = parcels.write(tmp_path / "traces.jsonl", parcels.traces(200))
    np.save(tmp_path / "vectors.npy", vectors)
    ended = command(name, file, "--embeddings", tmp_path / "vectors.npy")
    assert (ended.status, ended.out) == (2, "")
    assert re.search(says, ended.err)


def test_vectors_of_another_width_are_refused(understudy: Run, files: Path, tmp_path: Path) -> None:
    made = understudy(
        "fit", files / "train.jsonl", "--embeddings", files / "train.npy", "--out", tmp_path / "p"
    )
    assert made.status == 0
    np.save(tmp_path / "wide.npy", np.ones((200, parcels.WIDTH + 1), dtype=np.float32))
    for name in ("predict", "evaluate"):
        ended = understudy(name, tmp_path / "p", files / "test.jsonl", "--embeddings", tmp_path / "wide.npy")
        assert ended.status == 2
        assert f"must be [n, {parcels.WIDTH}]" in ended.err


def test_a_request_with_two_labels_counts_once(command: Callable[..., Ended], tmp_path: Path) -> None:
    rows = [{**row, "id": number} for number, row in enumerate(parcels.traces(200))]
    both = rows + [{**row, "label": "else"} for row in rows]
    fitted = command("fit", parcels.write(tmp_path / "both.jsonl", both), "--json")
    assert "200 lines repeat a request" in fitted.err
    made = json.loads(fitted.out)
    assert (made["traces"], made["sampled"], made["labels"]) == (200, 200, 3)


@pytest.mark.parametrize("part", ["policy.onnx", "manifest.json"])
def test_a_damaged_policy_is_never_used(
    understudy: Run, own_policy: Path, files: Path, tmp_path: Path, part: str
) -> None:
    """A key that is misspelt, of a value that is the default anyway, changes nothing, and may be read."""

    def judged() -> tuple[Ended, ...]:
        return tuple(understudy(name, own_policy, files / "test.jsonl") for name in ("predict", "evaluate"))

    whole, sound = (own_policy / part).read_bytes(), judged()
    for place in np.random.default_rng(0).integers(len(whole), size=5).tolist():
        broken = bytearray(whole)
        broken[place] ^= 2
        (own_policy / part).write_bytes(broken)
        damaged = judged()
        if part == "manifest.json" and damaged == sound:
            continue
        for ended in damaged:
            assert (ended.status, ended.out) == (2, "")
            assert "understudy: " in ended.err
            assert "Traceback" not in ended.err


def test_a_newer_manifest_format_is_refused(
    understudy: Run, own_policy: Path, files: Path, tmp_path: Path
) -> None:
    account = json.loads((own_policy / "manifest.json").read_text())
    (own_policy / "manifest.json").write_text(json.dumps({**account, "format": FORMAT + 1}))
    for ended in (
        understudy("predict", own_policy, files / "test.jsonl"),
        understudy("evaluate", own_policy, files / "test.jsonl"),
        understudy("fit", files / "train.jsonl", "--out", tmp_path / "new", "--parent", own_policy),
    ):
        assert (ended.status, ended.out) == (2, "")
        assert f"format {FORMAT + 1} is newer" in ended.err
