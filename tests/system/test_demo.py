"""The demo learns while one watches, answers the README's apps, and its JSON agrees with what it shows."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.child import free_port

pytestmark = pytest.mark.alone

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
ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LONGEST_S = 900
"""Seconds of requests. Only a demo that never learns takes so long."""
STORY = (
    "goes live",
    "certified",
    "the breaker is open, everything is deferred to the teacher",
    "; the breaker is closed",
)
STATE = "breaker open"
"""In the lines of state. It may come before the event, which goes over Kafka."""


def run_demo(data: Path, *options: str, until: Callable[[str], bool]) -> tuple[Mapping[str, Any], str]:
    """The JSON of a demo that is interrupted once its output has what is waited for, and the output."""
    command = [sys.executable, "-m", "infra.cli", "demo", *options, "--json", "--seconds", f"{LONGEST_S}"]
    environment = {**os.environ, "UNDERSTUDY_DATA": str(data)}
    output, interrupted = "", False
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        for line in demo.stderr:
            output += line
            if not interrupted and until(output):
                demo.send_signal(signal.SIGINT)
                interrupted = True
        printed = demo.stdout.read()
    assert demo.returncode == 0, output
    summary = json.loads(printed)
    assert set(summary) == KEYS
    assert summary["labels"]["error"] == 0
    assert sum(summary["labels"].values()) == summary["requests"] > 0
    return summary, output


def readme_apps(output: str, folder: Path) -> dict[str, str]:
    """What the README's apps print, by their language, with the URL of this demo's gateway."""
    found = re.search(r"gateway (http://[\d.:]+)", output)
    assert found, output
    text = README.read_text()
    said = {}
    for language, command in (("py", [sys.executable]), ("js", ["node"])):
        block = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
        assert block, language
        app = folder / f"app.{'mjs' if language == 'js' else language}"
        app.write_text(block[1].replace("http://localhost:8484", found[1]))
        done = subprocess.run([*command, str(app)], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        said[language] = done.stdout.strip()
    return said


def coverages(output: str) -> list[int]:
    """Percent, by line of the plain view."""
    return [int(share) for share in re.findall(r"coverage (\d+)%", output)]


def refits(output: str) -> int:
    """How many there were, by the newest line; two may come between two lines."""
    return int(re.findall(r"refits (\d+)", output)[-1])


def test_the_demo_learns_and_answers_the_apps(tmp_path: Path) -> None:
    packages, said = ROOT / ".node" / "node_modules", dict[str, str]()
    if not (packages / "openai").is_dir():
        pytest.skip(f"no openai in {packages}: `make node` installs it")
    (tmp_path / "node_modules").symlink_to(packages)

    def has_learned(output: str) -> bool:
        learned = any(share > 50 for share in coverages(output)) and refits(output) >= 2
        if learned and not said:
            said.update(readme_apps(output, tmp_path))
        return learned

    summary, output = run_demo(tmp_path, "--port", str(free_port()), until=has_learned)
    assert said, output
    label, _, source = said["py"].partition("\n")
    assert source.split()[0] == "surrogate"
    assert label == said["js"]
    assert summary["first_answer_s"] > 0
    assert max(share for _, share in summary["coverage"]) > 0.5
    assert summary["agreement"] > 0.9
    assert summary["refits"] >= 2


def test_a_refit_brings_coverage_back_after_drift(tmp_path: Path) -> None:
    def has_recovered(output: str) -> bool:
        _, closed, after = output.partition(STORY[-1])
        return bool(closed) and any(share > 50 for share in coverages(after))

    summary, output = run_demo(tmp_path, "--drift", until=has_recovered)
    coverage = [share for _, share in summary["coverage"]]
    before = next(second for second, share in enumerate(coverage) if share > 0.5)
    fallen = next(second for second in range(before, len(coverage)) if coverage[second] < 0.1)
    assert max(coverage[fallen:]) > 0.5
    assert summary["alarms"] >= 1
    assert summary["agreement"] > summary["target"]
    places = [output.index(part) for part in STORY]
    assert places == sorted(places)
    assert places[1] < output.index(STATE) < places[-1]
