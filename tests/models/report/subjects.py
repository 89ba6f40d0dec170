"""Studies made by hand, small enough to count on one's fingers, and reports about them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.fit import FitSummary
from models.manifest import FORMAT, FrontierPoint, Manifest
from models.report import Subject
from models.study import CandidateResult, CurvePoint, LabelStats, Noise, Study

NAMES = ("address", "refund", "track")
LIMIT = 0.5


def study(
    scores: Sequence[float],
    agrees: Sequence[bool],
    *,
    novel: Sequence[int] = (),
    blocked: Sequence[int] = (),
    unsampled: Sequence[int] = (),
    **more: Any,
) -> Study:
    """Traces of the label `track`, guessed as `refund` where the teacher disagrees, by their places."""
    rows = len(scores)
    places = np.arange(rows)
    barred = np.isin(places, [*novel, *blocked])
    sampled = ~np.isin(places, unsampled)
    guesses = np.where(agrees, 2, 1).astype(np.int64)
    return Study(
        names=NAMES,
        codes=np.full(rows, 2, dtype=np.int64),
        guesses=guesses,
        runners_up=guesses,
        scores=np.array(scores, dtype=np.float32),
        novelty=np.where(np.isin(places, novel), LIMIT + 0.1, LIMIT).astype(np.float32),
        novelty_limit=LIMIT,
        eligible=~barred,
        sampled=sampled,
        gate_rows=sampled,
        **more,
    )


def point(target: float, coverage: float, threshold: float = 0.5) -> FrontierPoint:
    return FrontierPoint(target, threshold, coverage, target)


def manifest(version: str = "v2", **changed: Any) -> Manifest:
    account = {
        "format": FORMAT,
        "task": "parcels",
        "version": version,
        "labels": NAMES,
        "embedder": "text",
        "dimension": None,
        "delta": 0.05,
        "frontier": (point(0.9, 0.75), point(0.95, 0.5, 0.8)),
        "novelty_limit": LIMIT,
        "blocked": (),
        "traces": 100,
        "sampled": 100,
        "certifying": 100,
        "teachers": (),
        "parent": None,
        "created_at": 1_764_000_000_000,
        "libraries": {},
        "sha256": "",
        "surrogate": "logistic regression",
        "acceptor": "top-1",
        "searched": 0,
        "members": (),
        "accuracy": 0.875,
        "seconds": 1.5,
        "probes": (),
    }
    return Manifest(**(account | changed))  # type: ignore[arg-type]


def summary(**changed: Any) -> FitSummary:
    figures = {
        "version": "v2",
        "traces": 100,
        "sampled": 100,
        "labels": 3,
        "seconds": 1.5,
        "surrogate": "logistic regression",
        "acceptor": "top-1",
        "accuracy": 0.875,
        "frontier": (point(0.9, 0.75), point(0.95, 0.5, 0.8)),
        "refused": None,
    }
    return FitSummary(**(figures | changed))  # type: ignore[arg-type]


def subject(studied: Study | None, texts: Sequence[str] | None, **changed: Any) -> Subject:
    fields = {
        "summary": summary(),
        "targets": (0.9, 0.95),
        "delta": 0.05,
        "manifest": manifest(),
        "parent": None,
        "made_at": 1_764_000_000_000,
        "task": "parcels",
    }
    return Subject(study=studied, texts=texts, **(fields | changed))  # type: ignore[arg-type]


def complete(hostile: str = "where is my parcel") -> Subject:
    """A report with every section; `hostile` is a text, a label, a task, a teacher's reason, all at once."""
    scores = np.linspace(0.05, 0.99, 60)
    agrees = [place % 7 != 3 for place in range(60)]
    studied = study(
        scores.tolist(),
        agrees,
        novel=(1, 2),
        blocked=(3,),
        candidates=(
            CandidateResult("SGD", "top-1", "global", 0.7, 0.5, {"0.9": 0.4}, 1.0, "log loss 0.5"),
            CandidateResult(hostile, "top-1", "global", 0.8, 0.4, {"0.9": 0.75, "0.95": 0.5}, 2.0, "chosen"),
        ),
        label_stats=(
            LabelStats("address", 4, 0, 0, 0.0, 1.0, blocked="too few traces"),
            LabelStats("refund", 30, 20, 19, 0.751, 0.999, confused_with=hostile),
            LabelStats(hostile, 66, 40, 40, 0.912, 1.0),
        ),
        curve=(CurvePoint(50, {"0.9": 0.5, "0.95": 0.0}), CurvePoint(100, {"0.9": 0.75, "0.95": 0.5})),
        noise=Noise(200, 10, 0.975, 0.95, 0.99),
    )
    texts = [f"{hostile} {place % 30}" for place in range(60)]
    parent = manifest("v1", labels=("address", "lost parcel", "refund"), traces=50, surrogate=hostile)
    return subject(studied, texts, parent=parent, task=hostile)
