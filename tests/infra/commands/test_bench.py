import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from infra.harness.waiting import wait_until
from tests.infra import parcels
from tests.infra.conftest import Run


def test_bench_fit_reports_its_figures(understudy: Run, tmp_path: Path) -> None:
    for seed, (name, count) in enumerate({"train": 300, "test": 100}.items()):
        rows = parcels.traces(count, seed)
        parcels.write(tmp_path / f"banking77_{name}.jsonl", rows)
        np.save(tmp_path / f"banking77_{name}.minilm.f16.npy", parcels.vectors(rows, seed))
    vectors = fit_report(understudy, tmp_path, "vectors")
    assert set(vectors["vectors: cold fit"]) == {
        "name", "value", "unit", "reference", "reference_value", "ratio",
    }  # fmt: skip
    assert vectors["vectors: warm fit"]["reference_value"] == vectors["vectors: cold fit"]["value"]
    assert vectors["vectors, 0.95: coverage"]["value"] > 0.5
    figures = vectors | fit_report(understudy, tmp_path, "text", "--quick")
    for kind in ("text", "vectors"):
        for target in ("0.9", "0.95"):
            assert figures[f"{kind}, 300 traces, {target}: coverage"]["value"] > 0.5
            assert figures[f"{kind}, 300 traces, {target}: agreement"]["ratio"] >= 1
        assert figures[f"{kind}, 300 traces: targets significantly missed"]["value"] == 0


def fit_report(understudy: Run, data: Path, kind: str, *options: str) -> dict[str, Any]:
    """Figures by name of `bench fit` for one kind of policy."""
    options += ("--orders", "1", "--rival-orders", "0", "--json")
    ended = understudy("bench", "fit", "--data", data, "--only", kind, *options)
    assert ended.status == 0, ended.err
    report = json.loads(ended.out)
    assert set(report) == {"machine", "figures", "tables", "notes", "failed"}
    assert not report["failed"]
    return {figure["name"]: figure for figure in report["figures"]}


def test_absent_data_ends_with_2_and_says_where(
    understudy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_TEST_DATA", str(tmp_path))
    ended = understudy("bench", "policy", "--json")
    assert (ended.status, ended.out) == (2, "")
    assert f"banking77_train.jsonl is not in {tmp_path}" in ended.err
    assert "--data" in ended.err


def test_fewer_than_three_runs_make_no_median(understudy: Run) -> None:
    assert understudy("bench", "fit", "--runs", "2").status == 2


def test_bench_guarantee_compares_with_references(understudy: Run) -> None:
    ended = understudy("bench", "guarantee", "--streams", "20", "--json")
    assert ended.status == 0, ended.err
    figures = {figure["name"]: figure for figure in json.loads(ended.out)["figures"]}
    false = figures["false certification in 5000 audits at 0.95"]
    assert false["reference"] == "Clopper-Pearson after every audit"
    assert false["value"] < false["reference_value"]
    assert (
        figures["audits to certify 0.95 at 0.99"]["value"]
        < figures["audits to certify 0.95 at 0.97"]["value"]
    )
    assert figures["lives with a false certificate"]["value"] <= 0.25
    assert figures["audit rate 2.0%: audits"]["value"] == 16_000


@pytest.mark.system
def test_sigterm_ends_all_that_a_benchmark_has_started() -> None:
    command = [sys.executable, "-m", "infra.cli", "bench", "chaos", "--faults", "1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        bench = psutil.Process(process.pid)
        wait_until(lambda: "redis-server" in _names_below(bench), 120.0, "its servers")
        started = bench.children(recursive=True)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM
    assert psutil.wait_procs(started, 20.0)[1] == []


def _names_below(process: psutil.Process) -> list[str]:
    return [child.name() for child in process.children(recursive=True)]


def test_an_unknown_drift_starts_no_server(understudy: Run, tmp_path: Path) -> None:
    for seed, name in enumerate(("train", "test")):
        rows = parcels.traces(20, seed)
        parcels.write(tmp_path / f"banking77_{name}.jsonl", rows)
        np.save(tmp_path / f"banking77_{name}.minilm.f16.npy", parcels.vectors(rows, seed))
    ended = understudy("bench", "drift", "--data", tmp_path, "--only", "slow", "--json")
    assert (ended.status, ended.out) == (2, "")
    assert "no drift is called 'slow': there are swapped, new, model" in ended.err
