import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.embeddings import Answer, EmbeddingServer
from tests.infra import parcels
from tests.infra.conftest import Run

KEYS = (
    "traces requests repeated sampled labels noise surrogate accuracy targets curve interval assumptions"
    " seconds tier"
)
TARGET_KEYS = "target coverage low high certified agreement audits days saved_a_day doubled more refused"


def calls(file: Path, count: int = 500) -> Path:
    rows = [f'"{row["text"]}",{row["label"]}' for row in parcels.traces(count)]
    file.write_text("\n".join(["Prompt,Answer", *rows]))
    return file


def test_scan_forecasts_from_a_csv(understudy: Run, tmp_path: Path) -> None:
    file = calls(tmp_path / "calls.csv")
    ended = understudy("scan", file, "--requests-a-day", 1000, "--price-a-call", 0.5, "--json")
    assert (ended.status, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert set(found) == set(KEYS.split())
    assert found["tier"] is None
    assert [set(target) for target in found["targets"]] == [set(TARGET_KEYS.split())] * 3
    assert [target["target"] for target in found["targets"]] == [0.9, 0.95, 0.98]
    first = found["targets"][0]
    assert first["coverage"] > 0.9
    assert first["saved_a_day"] == 500 * first["coverage"] * (1 - found["assumptions"]["audit_rate"])
    assert found["noise"]["pairs"] >= 20

    told = understudy("scan", file, "--target", 0.9)
    assert told.status == 0
    assert "saved/day" in told.out
    assert "100,000 requests a day, $0.001 a call" in told.out
    euros = understudy("scan", file, "--target", 0.9, "--currency", "EUR")
    assert "EUR\xa00.001 a call" in euros.out
    assert "$" not in euros.out


def test_scan_learns_from_vectors(understudy: Run, files: Path) -> None:
    ended = understudy("scan", files / "train.jsonl", "--embeddings", files / "train.npy", "--json")
    found = json.loads(ended.out)
    assert "logistic regression on vectors" in found["surrogate"]
    assert found["noise"]["contradictions"] == 0


def test_nothing_that_passes_ends_with_1(understudy: Run, tmp_path: Path) -> None:
    shuffled = np.random.default_rng(0).permutation([row["label"] for row in parcels.traces(400)])
    rows = [{**row, "label": label} for row, label in zip(parcels.traces(400), shuffled, strict=True)]
    file = parcels.write(tmp_path / "shuffled.jsonl", rows)
    ended = understudy("scan", file, "--target", "0.9")
    assert ended.status == 1
    assert "refused: target 0.9 did not pass the gate" in ended.out
    assert "refused: target 0.9 is above what any surrogate can reach" in ended.out


def test_a_reason_of_all_targets_is_told_once(understudy: Run, tmp_path: Path) -> None:
    file = parcels.write(tmp_path / "few.jsonl", parcels.traces(20))
    ended = understudy("scan", file, "--target", "0.9", "0.95")
    assert ended.status == 1
    assert ended.out.count("too few sampled traces") == 1


def test_copies_go_and_contradictions_count(understudy: Run, tmp_path: Path) -> None:
    rows = [{**row, "id": str(number)} for number, row in enumerate(parcels.traces(200))]
    others = [{**row, "label": "else"} for row in rows[:30]]
    ended = understudy("scan", parcels.write(tmp_path / "again.jsonl", rows + rows[:50] + others), "--json")
    assert "50 lines are copies of another" in ended.err
    found = json.loads(ended.out)
    assert (found["traces"], found["requests"], found["sampled"]) == (230, 200, 200)
    assert found["noise"]["contradictions"] > 0


def test_bad_usage_ends_with_2(understudy: Run, files: Path, tmp_path: Path) -> None:
    for wrong in (
        ["--text-column", "body"],
        ["--requests-a-day", "0"],
        ["--price-a-call", "-1"],
        ["--audit-rate", "0"],
        ["--target", "2"],
        ["--embeddings", files / "test.npy"],
    ):
        ended = understudy("scan", files / "train.jsonl", *wrong)
        assert (ended.status, ended.out) == (2, ""), wrong
        assert "Traceback" not in ended.err
    assert understudy("scan", tmp_path / "none.csv").status == 2


def in_the_prompt(body: dict[str, Any]) -> Answer:
    """A vector for each parcel service wish, and another for texts that say none."""
    said = [text.rsplit("Message: ", 1)[-1] for text in body["input"]]
    return 200, {
        "data": [
            {
                "index": place,
                "embedding": [1.0, *(float(word in text) for word in ("parcel", "money", "street"))],
            }
            for place, text in enumerate(said)
        ],
        "model": body["model"],
    }


def test_a_probe_is_tried_as_one_more_tier(understudy: Run, tmp_path: Path) -> None:
    file = calls(tmp_path / "calls.csv")
    with EmbeddingServer() as server:
        server.answer = in_the_prompt
        arguments = ("scan", file, "--tier", f"probe:{server.url}#m", "--tier-requests", 200)
        told = understudy(*arguments, "--target", 0.9)
        found = json.loads(understudy(*arguments, "--json").out)["tier"]
        prompts = [text for body in server.calls for text in body["input"]]
    assert told.status == 0
    assert "as one more tier, on 200 requests" in told.out
    assert "0.9: " in told.out
    assert found["requests"] == 200
    keys = {"target", "without", "with", "low", "high", "read"}
    assert [set(target) for target in found["targets"]] == [keys] * 3
    assert any("address\nrefund\ntrack" in prompt for prompt in prompts)


def test_a_probe_is_tried_behind_another_encoder(understudy: Run, tmp_path: Path) -> None:
    file = calls(tmp_path / "calls.csv", 300)
    with EmbeddingServer() as server:
        server.answer = in_the_prompt
        base, probe = f"text>endpoint:{server.url}#a", f"probe:{server.url}#m"
        ended = understudy("scan", file, "--embedder", base, "--tier", probe, "--target", 0.9, "--json")
        again = understudy("scan", file, "--embedder", base, "--tier", f"text+endpoint:{server.url}#a")
    assert ended.status == 0, ended.err
    (gain,) = json.loads(ended.out)["tier"]["targets"]
    assert gain["with"] > 0.9
    assert (again.status, "is not an encoder" in again.err) == (2, True)


def test_a_tier_must_be_an_encoder_that_is_new(understudy: Run, files: Path) -> None:
    for tier in ("text", "nothing:here", "precomputed", "text+onnx:/none"):
        ended = understudy("scan", files / "train.jsonl", "--tier", tier)
        assert (ended.status, ended.out) == (2, ""), tier
    for embedder in ("onnx:/none", "text+onnx:/none"):
        ended = understudy("scan", files / "train.jsonl", "--embedder", embedder, "--tier", "onnx:/none")
        assert ended.status == 2
    assert "`text+onnx:/none` reads `onnx:/none` already" in ended.err
