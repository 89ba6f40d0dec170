"""What a trainer's window of traces costs: memory, a look at all of it, and the draw of what a fit gets."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.bench.corpora import Split
from infra.bench.draws import grown
from infra.bench.kinds import FeatureKind
from infra.bench.process import peak_memory
from schemas.codec import TRACE
from schemas.config import Config, Refit
from schemas.messages import Guess, Reason, Teacher, Trace
from streams.trainer.trace_selection import TraceCutoffs, certifying_traces, recent_traces
from streams.trainer.window import TraceWindow, training_set, usable_traces

TASK = "bench"
PART = 10_000
"""Rows that are made at once, so that those that are waiting take little memory."""
SAMPLED_EVERY = 4
TEACHER = Teacher("a-model-of-usual-name", "0123456789abcdef")


@dataclass(frozen=True, slots=True)
class WindowCost:
    """Attributes:
    memory: most that the process has held once the window is full, MB, libraries included.
    filling: microseconds of CPU to decode a trace and to add it.
    look: seconds of CPU of one look at all traces, as the trainer counts those that may certify.
    drawing: seconds of CPU until the training set of a fit is there.
    most_memory: most that the process has held until then, MB.
    """

    memory: float
    filling: float
    look: float
    drawing: float
    most_memory: float


def measure_window(kind: FeatureKind, rows: Split, size: int) -> WindowCost:
    """The cost of a window that is filled with this number of traces, made from `rows`, in this process."""
    config = Config(embedder=kind.embedder, refit=Refit(window=size))
    window, filling = TraceWindow(), 0.0
    for first in range(0, size, PART):
        messages = _messages(kind, rows, first, min(PART, size - first))
        begun = time.process_time()
        for message in messages:
            window.add(TRACE.decode(message), config.refit.window)
        filling += time.process_time() - begun
    memory, begun = peak_memory(), time.process_time()
    traces = usable_traces(window, config)
    certifying_traces(traces, config, TraceCutoffs())
    look, begun = time.process_time() - begun, time.process_time()
    training_set(recent_traces(traces, config, TraceCutoffs()), config)
    drawing = time.process_time() - begun
    return WindowCost(memory, 1e6 * filling / size, look, drawing, peak_memory())


def _messages(kind: FeatureKind, rows: Split, first: int, count: int) -> list[bytes]:
    drawn = grown(rows, count, first)
    return [TRACE.encode(_trace(kind, drawn, row, first + row)) for row in range(count)]


def _trace(kind: FeatureKind, rows: Split, row: int, number: int) -> Trace:
    texts, vectors = rows.rows.texts, rows.rows.embeddings
    return Trace(
        id=f"request-{number:09}",
        task=TASK,
        label=rows.labels[row],
        reason=Reason.LOW_SCORE,
        audit=False,
        sampled=number % SAMPLED_EVERY == 0,
        embedder=kind.embedder,
        requested_at=1_000_000_000_000 + number,
        replied_at=1_000_000_001_000 + number,
        text=None if texts is None else texts[row],
        features=None if vectors is None else _packed(vectors[row]),
        guess=Guess(rows.labels[row], 0.5, 0.1, f"v{1 + number // 100_000}"),
        threshold=0.9,
        teacher=TEACHER,
    )


def _packed(vector: NDArray[np.float32]) -> bytes:
    return vector.astype("<f4").tobytes()
