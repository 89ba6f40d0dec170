"""The READMEs: each command exists, what runs without servers is run, each example message decodes."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.codec import AUDIT_FAILURE, DEFERRAL, EVENT, FEEDBACK, LABEL, REPLY, REQUEST, TRACE, Codec
from schemas.config import merge_overrides, parse_override
from schemas.http import Classify
from tests.infra.conftest import Run

ROOT = Path(__file__).parents[3]
READMES = sorted(
    path for path in ROOT.glob("**/README.md") if not {".venv", ".node", "vendor"}.intersection(path.parts)
)
OFFLINE = {"scan", "fit", "evaluate", "predict", "report"}
CODECS: dict[str, Codec[Any]] = {
    "request": REQUEST,
    "label": LABEL,
    "deferral": DEFERRAL,
    "reply": REPLY,
    "trace": TRACE,
    "event": EVENT,
    "audit_failure": AUDIT_FAILURE,
    "feedback": FEEDBACK,
}


def blocks(path: Path, language: str) -> list[tuple[str, str]]:
    """The fenced blocks of one language: the rest of their first line, and their body."""
    return re.findall(rf"^```{language}\b ?(.*?)\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The words of each `understudy` command in a shell block."""
    lines = [line for path in READMES for _, body in blocks(path, "sh") for line in body.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if "understudy " in line]
    return [found[1:] for found in words if found and found[0].endswith("understudy")]


def test_commands_are_found() -> None:
    assert len(commands()) > 25
    assert {words[0] for words in commands()} >= {
        "up",
        "worker",
        "ask",
        "produce",
        "consume",
        "status",
        *OFFLINE,
    }


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_each_command_exists(words: list[str], understudy: Run) -> None:
    """Every option that a README names stands in the help of its command."""
    named = [word for word in words[:2] if re.fullmatch("[a-z][a-z-]*", word)]
    ended = understudy(*named, "--help")
    assert ended.status == 0, ended.err
    for option in re.findall(r"--[a-z][a-z-]*", " ".join(words)):
        assert option in ended.out


def test_offline_commands_run(
    understudy: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order in which the README of infra has them."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(files / "train.jsonl", "traces.jsonl")
    shutil.copy(files / "test.jsonl", "labelled.jsonl")
    shutil.copy(files / "test.jsonl", "requests.jsonl")
    rows = [msgspec.json.decode(line) for line in (files / "train.jsonl").read_bytes().splitlines()]
    Path("calls.csv").write_text(
        "text,label\n" + "".join(f'"{row["text"]}","{row["label"]}"\n' for row in rows)
    )
    run = [words for words in commands() if words[0] in OFFLINE]
    assert {words[0] for words in run} == OFFLINE
    for words in sorted(run, key=lambda words: words[0] != "scan" and words[0] != "fit"):
        ended = understudy(*words)
        assert ended.status == 0, (words, ended.err)
        assert ended.out


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target for path in READMES for target in re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.M)
    }
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_leads_somewhere(path: Path) -> None:
    places = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
    assert [place for place in places if "://" not in place and not (path.parent / place).exists()] == []


def test_example_messages_decode() -> None:
    examples = dict(blocks(ROOT / "schemas" / "README.md", "json"))
    assert set(examples) == {*CODECS, "config", "classify"}
    for name, codec in CODECS.items():
        assert codec.decode(examples[name].encode())
    assert merge_overrides(parse_override(examples["config"].encode())).target_agreement == 0.97
    assert msgspec.json.decode(examples["classify"].encode(), type=Classify).timeout == 20


def test_the_first_example_is_a_request() -> None:
    (_, body), *_ = blocks(ROOT / "README.md", "json")
    request, label = body.strip().splitlines()
    assert REQUEST.decode(request.encode()).text == "I was charged twice"
    assert msgspec.json.decode(label)["label"] == "billing"


def test_the_python_example_runs(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(files / "train.jsonl", "traces.jsonl")
    ((_, body),) = blocks(ROOT / "README.md", "python")
    names: dict[str, Any] = {}
    exec(compile(body, "README.md", "exec"), names)  # noqa: S102 - our own README
    assert names["policy"].passed
    with names["router"] as router:
        assert router.predict(["where is my parcel?"])[0].label
