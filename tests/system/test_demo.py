"""The demo learns before one's eyes, and its JSON tells the same story."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEYS = {
    "requests",
    "labels",
    "coverage",
    "agreement",
    "target",
    "refits",
    "alarms",
    "first_answer_s",
}


def played(data: Path, *options: str) -> tuple[Mapping[str, Any], str]:
    """What a demo printed at its end, and what it said before."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", "demo", *options, "--json"],
        env={**os.environ, "UNDERSTUDY_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == KEYS
    assert told["labels"]["error"] == 0
    assert sum(told["labels"].values()) <= told["requests"]
    return told, done.stderr


def test_the_demo_answers_within_half_a_minute_and_most_requests_within_a_minute(tmp_path: Path) -> None:
    told, _ = played(tmp_path, "--seconds", "60")
    assert told["first_answer_s"] < 60
    assert max(share for _, share in told["coverage"]) > 0.5
    assert told["agreement"] > 0.9
    assert told["refits"] >= 2


def test_drift_in_the_demo_raises_the_alarm_and_a_refit_brings_coverage_back(tmp_path: Path) -> None:
    told, said = played(tmp_path, "--drift", "--seconds", "110")
    coverage = [share for _, share in told["coverage"]]
    before = coverage.index(max(coverage[:50]))
    fallen = coverage.index(min(coverage[before:]), before)
    assert coverage[before] > 0.5
    assert coverage[fallen] < 0.1
    assert max(coverage[fallen:]) > 0.5
    assert told["alarms"] >= 1
    assert told["agreement"] > told["target"]
    story = ("goes live", "certified", "the breaker is open, everything goes to the teacher", "breaker open")
    places = [said.index(part) for part in (*story, "; the breaker is closed")]
    assert places == sorted(places)
