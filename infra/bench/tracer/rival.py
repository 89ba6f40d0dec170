"""TRACER as a contestant: it gets the same rows, in files, and its answers are judged as ours are.

It reads vectors only. Each job is a process of its own in TRACER's environment.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from infra.bench.corpora import Split
from infra.bench.tracer.environment import TRACER
from infra.bench.trial import TARGETS, FitTrial, TargetOutcome, judge_answers

SLOW = ("gbt",)
"""Gradient boosting, which TRACER itself leaves out above 4,000 rows. It grows a tree a label a round: with
77 labels and 300 rows 249 s of a sweep's 268 s, for a macro F1 of .18 where logistic regression has .72."""

_INSIDE = Path(__file__).with_name("inside.py")
_JUDGED = "test"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class TracerFit(Struct, frozen=True):
    """One fit, for one target.

    Attributes:
        target: agreement that was asked for.
        seconds: that it took.
        method: the one that it deployed; None if nothing.
        answers: by name of the questions, a label for each row that it answers, None for each that it defers.
        costs: µs of CPU a row, in each run, by `gated` or `plain` and size of batch.
    """

    target: float
    seconds: float
    method: str | None
    answers: dict[str, list[str | None]]
    costs: dict[str, list[float]]


class TracerReply(Struct, frozen=True):
    """Attributes:
    fits: one a target.
    memory: most that its process had in memory, MB.
    """

    fits: tuple[TracerFit, ...]
    memory: float | None


def fit_tracer(python: Path, train: Split, test: Split) -> FitTrial:
    """A `Contestant` once the interpreter is given. Raises RivalUnavailable: it fails on these rows."""
    reply = ask(python, train, {_JUDGED: test})
    outcomes = tuple(judge_tracer(fit, test.labels) for fit in reply.fits)
    seconds, deployed = sum(fit.seconds for fit in reply.fits), sum(each.passed for each in outcomes)
    return FitTrial(outcomes, seconds, deployed, reply.memory)


def judge_tracer(fit: TracerFit, labels: Sequence[str], name: str = _JUDGED) -> TargetOutcome:
    """Its answers to the questions of that name against the teacher's labels."""
    answers = fit.answers.get(name) or [None] * len(labels)
    return judge_answers(fit.target, fit.method is not None, answers, labels)


def ask(
    python: Path,
    train: Split,
    questions: Mapping[str, Split],
    targets: Sequence[float] = TARGETS,
    runs: int = 0,
    skip: Sequence[str] = SLOW,
) -> TracerReply:
    """Fit it on these rows for each target, and ask it.

    Args:
        python: interpreter of an environment that has it.
        questions: rows by name; it does not get their labels.
        runs: how often the cost of the first questions is measured, on one thread; 0: not at all.
        skip: surrogates that it is not to try, by its names; as its manual advises for many labels.

    Raises:
        RivalUnavailable: it ends with an error; the message has the end of its output.
    """
    with tempfile.TemporaryDirectory(prefix="understudy-tracer-") as workplace:
        folder = Path(workplace)
        job = {"targets": list(targets), "questions": list(questions), "runs": runs, "skip": list(skip)}
        (folder / "job.json").write_text(json.dumps(job))
        _write(folder, train, questions)
        one_thread = dict.fromkeys(_THREADS, "1") if runs else {}
        TRACER.run_script(python, _INSIDE, folder, len(train), one_thread)
        return msgspec.json.decode((folder / "result.json").read_bytes(), type=TracerReply)


def _write(folder: Path, train: Split, questions: Mapping[str, Split]) -> None:
    texts = train.rows.texts or [""] * len(train)
    lines = [
        json.dumps({"input": text, "teacher": label}) + "\n"
        for text, label in zip(texts, train.labels, strict=True)
    ]
    (folder / "traces.jsonl").write_text("".join(lines), encoding="utf-8")
    np.save(folder / "train.npy", _vectors(train))
    for name, split in questions.items():
        np.save(folder / f"{name}.npy", _vectors(split))


def _vectors(split: Split) -> NDArray[np.float32]:
    assert split.rows.embeddings is not None  # noqa: S101 - callers pass only splits that have vectors
    return split.rows.embeddings
