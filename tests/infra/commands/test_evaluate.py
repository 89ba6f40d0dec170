import json
from pathlib import Path

from tests.infra import parcels
from tests.infra.conftest import Run


def test_a_missed_target_ends_with_1(understudy: Run, policy: Path, tmp_path: Path) -> None:
    others = [{**row, "label": "something else"} for row in parcels.traces(100, 5)]
    file = parcels.write(tmp_path / "drifted.jsonl", others)
    judged = understudy("evaluate", policy, file, "--target", "0.9", "--json")
    assert judged.status == 1
    assert json.loads(judged.out)["targets"][0]["violation"] is True
    assert "significantly below target" in understudy("evaluate", policy, file).out


def test_a_target_that_fails_answers_nothing(understudy: Run, files: Path, policy: Path) -> None:
    judged = understudy("evaluate", policy, files / "test.jsonl", "--target", "0.9999", "--json")
    target = json.loads(judged.out)["targets"][0]
    assert (target["threshold"], target["coverage"], target["agreement"]) == (None, 0, None)
    told = understudy("predict", policy, files / "test.jsonl", "--target", "0.9999")
    assert {json.loads(row)["reason"] for row in told.out.splitlines()} == {"uncertified"}
    assert "no threshold passes the gate" in told.err


def test_predict_and_evaluate_count_the_same(understudy: Run, files: Path, policy: Path) -> None:
    told = understudy("predict", policy, files / "test.jsonl", "--target", "0.9")
    handled = [json.loads(row)["handled"] for row in told.out.splitlines()]
    judged = understudy("evaluate", policy, files / "test.jsonl", "--target", "0.9", "--json")
    assert json.loads(judged.out)["targets"][0]["coverage"] == sum(handled) / len(handled)
