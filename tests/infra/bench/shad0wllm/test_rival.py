import sys
from pathlib import Path

import pytest

from infra.bench.corpora import Split
from infra.bench.shad0wllm import rival
from infra.bench.trial import TARGETS
from infra.errors import RivalUnavailable
from models.features import Features

SPLIT = Split(Features(["one", "two", "three"]), ["a", "b", "b"])
STAND_IN = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
records = [json.loads(line) for line in (folder / "traces.jsonl").read_text().splitlines()]
texts = json.loads((folder / "test.json").read_text())
known = {record["text"]: record["label"] for record in records}
assert job["delta"] == 0.05
fits = [
    {"target": target, "seconds": 2.0, "certified": target < 0.98, "student": "deep",
     "answers": [known[text] if target < 0.98 else None for text in texts]}
    for target in job["targets"]
]
(folder / "result.json").write_text(json.dumps({"fits": fits, "memory": 12.5}))
"""


def _script(folder: Path, source: str) -> Path:
    script = folder / "inside.py"
    script.write_text(source)
    return script


def test_a_job_makes_a_fit_for_each_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rival, "_INSIDE", _script(tmp_path, STAND_IN))
    test = Split(Features(["two", "one"]), ["b", "b"])
    trial = rival.fit_shad0wllm(Path(sys.executable), SPLIT, test)
    found = [(each.target, each.passed, each.answered, each.agreed) for each in trial.outcomes]
    assert found == [(0.9, True, 2, 1), (0.95, True, 2, 1), (0.98, False, 0, 0)]
    assert tuple(each.target for each in trial.outcomes) == TARGETS
    assert (trial.seconds, trial.passed, trial.memory) == (6.0, 2, 12.5)


def test_a_failure_names_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rival, "_INSIDE", _script(tmp_path, "1 / 0"))
    with pytest.raises(RivalUnavailable, match=r"shad0wllm 0\.4\.0 failed on 3 traces:[\s\S]*ZeroDivision"):
        rival.fit_shad0wllm(Path(sys.executable), SPLIT, SPLIT)
