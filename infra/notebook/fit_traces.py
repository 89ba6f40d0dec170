"""Fits a policy on traces in any form, and shows at once what it answers, or why there is none."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.files.columns import Columns
from infra.files.dedup import first_per_request
from infra.files.reports import report_fit
from infra.files.traces import TraceLine, learned_lines, training_set
from infra.notebook.fit_view import fit_text
from infra.notebook.trace_tables import trace_table
from models.artifact import Artifact
from models.embedders.contract import Embedder
from models.embedders.kinds import PRECOMPUTED, TEXT, needs_text, reads_text, vectors_of
from models.embedders.loader import encoder_for
from models.errors import FitRefused
from models.features import Features
from models.fit import FitRequest, FitResult, FitSummary, Options, fit_request
from models.gate.frontier import refusal_reasons
from models.money import CURRENCY
from models.policy import Policy

AT_ONCE = 1000


@dataclass(frozen=True, repr=False)
class Fit:
    """What a fit came to; printed, it shows coverage at each target, and why targets did not pass.

    Attributes:
        request: what was asked for.
        result: what the library found, with its study of each trace.
        directory: where the policy and its report were written; None where no `out` was given.
        report: page that says more, also about a refusal; None likewise.
        repeated: traces that repeat a request (same id and text), and were left out.
    """

    request: FitRequest
    result: FitResult
    directory: Path | None = None
    report: Path | None = None
    repeated: int = 0

    @property
    def passed(self) -> bool:
        """Whether a target passed the gate, so that there is a policy."""
        return self.result.artifact is not None

    @property
    def summary(self) -> FitSummary:
        """The figures, whether it passed or not."""
        return self.result.summary

    @property
    def coverage(self) -> dict[float, float]:
        """Share of requests that it should answer at each target asked for; 0 where that did not pass."""
        return {
            target: self.summary.coverage(target) if self.passed else 0.0 for target in self.request.targets
        }

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why targets did not pass, and what would help; empty where all passed."""
        sample = self.result.sample
        if not self.passed or sample is None:
            return self.result.refused
        return refusal_reasons(sample, self.summary.frontier, self.request.targets, self.request.delta)

    @property
    def policy(self) -> Policy:
        """The policy, open. Raises FitRefused: there is none."""
        artifact = self._artifact()
        return Policy.open(artifact.manifest, artifact.graph)

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write `policy.onnx` and `manifest.json` into the directory, which is made if need be.

        Raises:
            FitRefused: there is no policy.
            OSError: the directory can't be written to.
        """
        self._artifact().write(Path(directory))

    def _artifact(self) -> Artifact:
        if self.result.artifact is None:
            raise FitRefused(self.result.refused)
        return self.result.artifact

    def __repr__(self) -> str:
        return fit_text(self.request, self.summary, self.reasons, self.directory)


def fit(
    traces: Any,
    labels: Iterable[str] | None = None,
    *,
    embeddings: Any = None,
    target: float | Sequence[float] = 0.95,
    delta: float = 0.05,
    out: str | os.PathLike[str] | None = None,
    sampled: Iterable[bool] | None = None,
    ordered: bool = True,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    embedder: str | None = None,
    prompt: str | None = None,
    parent: str | os.PathLike[str] | None = None,
    task: str = "default",
    version: str | None = None,
    options: Options | None = None,
    seed: int = 0,
    progress: Callable[[float, str], None] = lambda _share, _doing: None,
) -> Fit:
    """Learn a policy from past answers of a teacher, and test it at the gate.

    Args:
        traces: path of a CSV, JSON Lines, JSON or Parquet file; a frame of pandas or polars; a list of dicts,
            a data set of Hugging Face, or a dict of columns; or texts, beside `labels`.
        labels: the teacher's label for each text; None where `traces` has them.
        embeddings: vectors, [n, d] numbers, the path of an `.npy` file, or the name of a column.
        target: agreement wanted with the teacher, in (0, 1), or several; one that passes is enough.
        delta: chance of passing a target that is not met, in (0, 1).
        out: directory for the policy and `report.html`; made if need be.
        sampled: which traces belong to a uniform sample of all traffic, which alone the gate tests on. None
            for the column `sampled`; without one, all traces.
        ordered: the traces are oldest first. Traces whose labels depend on time, such as traces sorted by
            label, then count for less or do not pass; False where their order says nothing.
        text_column, label_column, id_column: names of columns; None to find the usual ones.
        embedder: what the policy reads, as `text`, `precomputed`, `text+precomputed`, `model2vec:FOLDER`.
            None for the vectors where they are given, else the text.
        prompt: of a `probe:`, with `{text}` in it; None for the usual.
        parent: directory of a policy to start from.
        task, version: names in the manifest; the version is the time of the fit where it is None.
        options: how far to search, and what is never answered.
        seed: of everything random.
        progress: called with the share done, in [0, 1], and what is being done.

    Returns:
        The policy, or the reasons why there is none: see `Fit.passed` and `Fit.reasons`.

    Raises:
        TrainingError: the traces can't be read, or nothing can be learned from them; says where and why.
        InvalidSpec, EmbedderError: `embedder` is not in the grammar, or can't be opened.
        PolicyError: `parent` can't be read.
        OSError: `out` can't be written to.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """
    reads = embedder or (TEXT if embeddings is None else PRECOMPUTED)
    source = vectors_of(reads)
    if (source == PRECOMPUTED) != (embeddings is not None):
        raise ValueError(
            f"embedder `{reads}` and embeddings do not go together: it reads {source or 'no vectors'}"
        )
    directory = _make_directory(out)
    table = trace_table(
        traces,
        labels,
        embeddings=embeddings,
        sampled=sampled,
        columns=Columns(text_column, label_column, id_column),
        texts=needs_text(reads),
    )
    once = first_per_request(table.lines)
    rows, lines, drawn_from = learned_lines(table.lines, once)
    vectors = None if table.vectors is None else table.vectors[rows]
    encoder = encoder_for(reads, sorted({line.label for line in lines}), prompt)
    features = _features([line.text or "" for line in lines], vectors, reads, encoder)
    request = FitRequest(
        training=training_set(lines, features, ordered=ordered, drawn_from=drawn_from),
        task=task,
        version=version or time.strftime("v%Y%m%d-%H%M%S", time.gmtime()),
        embedder=reads,
        targets=(target,) if isinstance(target, int | float) else tuple(target),
        delta=delta,
        parent=None if parent is None else Artifact.read(Path(parent)),
        encoder=None if encoder is None else encoder.id,
        options=options or Options(),
        seed=seed,
    )
    result = fit_request(request, progress)
    report = None if directory is None else _write(request, result, lines, directory)
    return Fit(request, result, directory, report, len(table.lines) - len(once))


def _write(request: FitRequest, result: FitResult, lines: Sequence[TraceLine], directory: Path) -> Path:
    """Write the policy where there is one, and the report; returns the report's path."""
    if result.artifact is not None:
        result.artifact.write(directory)
    return report_fit(
        result,
        lines,
        directory,
        task=request.task,
        targets=request.targets,
        delta=request.delta,
        parent=request.parent,
        currency=CURRENCY,
    )


def _make_directory(out: str | os.PathLike[str] | None) -> Path | None:
    """Made before the fit, so that a directory that can't be made costs no fit."""
    if out is None:
        return None
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _features(texts: list[str], vectors: Any, reads: str, encoder: Embedder | None) -> Features:
    """What the policy reads: texts, vectors or both; vectors from the encoder where there is one."""
    if encoder is not None:
        parts = [encoder.embed(texts[begin : begin + AT_ONCE]) for begin in range(0, len(texts), AT_ONCE)]
        vectors = np.concatenate([np.empty((0, encoder.dimension), dtype=np.float32), *parts])
    return Features(texts if vectors is None or reads_text(reads) else None, vectors)
