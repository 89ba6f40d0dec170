import sys
from pathlib import Path

import numpy as np
import pytest

from infra.bench.corpora import Split
from infra.bench.tracer import rival
from infra.bench.tracer.rival import TracerFit, fit_tracer, judge_tracer
from infra.bench.trial import TARGETS
from infra.errors import RivalUnavailable
from models.features import Features

SPLIT = Split(Features(["one", "two", "three"], np.eye(3, dtype=np.float32)), ["a", "b", "b"])


def _stand_in(folder: Path, fits: str) -> Path:
    """A script in TRACER's place that answers every job with these fits."""
    script = folder / "inside.py"
    script.write_text(
        "import json, pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "job = json.loads((folder / 'job.json').read_text())\n"
        "rows = (folder / 'traces.jsonl').read_text().splitlines()\n"
        "assert (folder / 'train.npy').is_file() and (folder / 'test.npy').is_file()\n"
        f"result = {{'fits': {fits}, 'memory': 12.5}}\n"
        "(folder / 'result.json').write_text(json.dumps(result))\n"
    )
    return script


def test_its_answers_are_judged_like_ours() -> None:
    fit = TracerFit(0.9, 1.0, "l2d", {"test": ["a", None, "a"]}, {})
    found = judge_tracer(fit, SPLIT.labels)
    assert (found.passed, found.rows, found.answered, found.agreed) == (True, 3, 2, 1)


def test_without_a_deployment_nothing_is_answered() -> None:
    found = judge_tracer(TracerFit(0.9, 1.0, None, {}, {}), SPLIT.labels)
    assert (found.passed, found.rows, found.answered) == (False, 3, 0)


def test_a_job_makes_a_fit_for_each_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = (
        "[{'target': t, 'seconds': 2.0, 'method': 'rsb', 'costs': {},"
        " 'answers': {'test': [json.loads(row)['teacher'] for row in rows]}} for t in job['targets']]"
    )
    monkeypatch.setattr(rival, "_INSIDE", _stand_in(tmp_path, fits))
    found = fit_tracer(Path(sys.executable), SPLIT, SPLIT)
    assert [(outcome.target, outcome.agreed) for outcome in found.outcomes] == [(t, 3) for t in TARGETS]
    assert (found.seconds, found.memory) == (6.0, 12.5)


def test_a_failure_shows_the_end_of_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rival, "_INSIDE", _stand_in(tmp_path, "1 / 0"))
    with pytest.raises(RivalUnavailable, match=r"failed on 3 traces:[\s\S]*ZeroDivisionError"):
        fit_tracer(Path(sys.executable), SPLIT, SPLIT)
