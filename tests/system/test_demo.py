"""The demo learns before one's eyes, and its JSON tells the same story."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_answers_within_half_a_minute_and_most_requests_within_a_minute(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", "demo", "--seconds", "60", "--json"],
        env={**os.environ, "UNDERSTUDY_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == {
        "requests",
        "labels",
        "coverage",
        "agreement",
        "target",
        "refits",
        "alarms",
        "first_answer_s",
    }
    assert told["labels"]["error"] == 0
    assert sum(told["labels"].values()) <= told["requests"]
    assert told["first_answer_s"] < 60
    assert max(share for _, share in told["coverage"]) > 0.5
    assert told["agreement"] > 0.9
    assert told["refits"] >= 2
