"""shad0wllm as a contestant: it gets the same rows, in files, and its answers are judged as ours are.

It reads texts only. Each job is a process of its own in its environment.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from infra.bench.corpora import Split
from infra.bench.shad0wllm.environment import SHAD0WLLM
from infra.bench.trial import DELTA, TARGETS, FitTrial, TargetOutcome, judge_answers

_INSIDE = Path(__file__).with_name("inside.py")
_QUESTION = "label"


class Shad0wFit(Struct, frozen=True):
    """One fit, for one target.

    Attributes:
        target: agreement that was asked for.
        seconds: that it took.
        certified: it found a threshold.
        student: the kind of table that it chose, `linear` or `deep`.
        answers: a label for each row that it answers, None for each that it defers.
    """

    target: float
    seconds: float
    certified: bool
    student: str
    answers: list[str | None]


class Shad0wReply(Struct, frozen=True):
    """Attributes:
    fits: one a target.
    memory: most that its process had in memory, MB.
    """

    fits: tuple[Shad0wFit, ...]
    memory: float


def fit_shad0wllm(python: Path, train: Split, test: Split, targets: Sequence[float] = TARGETS) -> FitTrial:
    """A `Contestant` once the interpreter is given. Raises RivalUnavailable: it fails on these rows."""
    with tempfile.TemporaryDirectory(prefix="understudy-shad0wllm-") as workplace:
        folder = Path(workplace)
        (folder / "job.json").write_text(json.dumps({"targets": list(targets), "delta": DELTA}))
        lines = [
            json.dumps({"text": text, _QUESTION: label}) + "\n"
            for text, label in zip(train.rows.texts or (), train.labels, strict=True)
        ]
        (folder / "traces.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / "test.json").write_text(json.dumps(list(test.rows.texts or ())), encoding="utf-8")
        SHAD0WLLM.run_script(python, _INSIDE, folder, len(train))
        reply = msgspec.json.decode((folder / "result.json").read_bytes(), type=Shad0wReply)
    outcomes = tuple(_judge(fit, test.labels) for fit in reply.fits)
    seconds, passed = sum(fit.seconds for fit in reply.fits), sum(fit.certified for fit in reply.fits)
    return FitTrial(outcomes, seconds, passed, reply.memory)


def _judge(fit: Shad0wFit, labels: Sequence[str]) -> TargetOutcome:
    return judge_answers(fit.target, fit.certified, fit.answers, labels)
