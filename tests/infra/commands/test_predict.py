import json
import subprocess
import sys
from pathlib import Path

from tests.infra.conftest import Run

SCRIPT = Path(sys.executable).with_name("understudy")


def test_the_script_predicts_from_a_pipe(policy: Path) -> None:
    asked = b'{"text": "asap hello please where is my parcel", "id": "a"}\n\n{"text": "zzz qqq"}\n'
    ended = subprocess.run([SCRIPT, "predict", policy], input=asked, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    first, second = map(json.loads, ended.stdout.splitlines())
    assert list(first) == ["id", "row", "text", "label", "score", "novelty", "handled", "reason"]
    assert first["score"] > 0.5
    assert first["novelty"] <= 1 < second["novelty"]
    assert (first["id"], first["label"], first["handled"], first["reason"]) == (
        "a",
        "track",
        True,
        "accepted",
    )
    assert (second["id"], second["handled"], second["reason"]) == (None, False, "novel")
    assert second["label"] in {"track", "refund", "address"}
    assert [(one["row"], one["text"]) for one in (first, second)] == [
        (1, "asap hello please where is my parcel"),
        (2, "zzz qqq"),
    ]


def test_all_commands_read_named_columns(
    understudy: Run, own_policy: Path, files: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (files / "test.jsonl").read_text().splitlines()]
    table = "".join(f"{at},{row['text']},{row['label']}\n" for at, row in enumerate(rows))
    file = tmp_path / "test.csv"
    file.write_text("nr,body,wish\n" + table)
    named = "--text-column", "body"
    told = understudy("predict", own_policy, file, *named, "--id-column", "nr").out.splitlines()
    assert [json.loads(line)["id"] for line in told] == [str(at) for at in range(200)]
    plain = understudy("evaluate", own_policy, files / "test.jsonl", "--json")
    for command, *given in (
        ("evaluate", own_policy, file, "--json"),
        ("report", own_policy, "--traces", file),
        ("fit", file, "--out", tmp_path / "made", "--target", "0.8"),
    ):
        ended = understudy(command, *given, *named, "--label-column", "wish")
        assert ended.status == 0, ended.err
        assert command != "evaluate" or ended.out == plain.out


def test_a_percentage_is_told_from_a_share(understudy: Run, policy: Path) -> None:
    ended = understudy("predict", policy, "--target", "95")
    assert (ended.status, ended.out) == (2, "")
    assert "did you mean 0.95?" in ended.err


def test_help_ends_with_examples(understudy: Run) -> None:
    commands = ["fit", "predict", "evaluate", "report", "scan", "ask", "produce", "consume", "status"]
    commands += ["config get", "config set", "topics create", "topics describe", "topics asyncapi"]
    commands += [f"policies {name}" for name in ("list", "show", "rollback", "promote", "pin", "unpin")]
    for command in commands:
        shown = understudy(*command.split(), "--help").out
        assert f"Examples:\n    understudy {command}" in shown
        assert "<bool>" not in shown
