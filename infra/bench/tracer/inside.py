"""Script for TRACER's own environment, `python inside.py FOLDER`: fits TRACER and writes its answers.

The folder has `job.json`, `traces.jsonl`, `train.npy` (a vector for each trace), and `NAME.npy` for every
name that the job asks about. Out comes `result.json`, see `infra.bench.tracer.rival`. TRACER is used as its
users use it: `fit` and `load_router`, with its defaults but for the target and the surrogates that the job
leaves out. It deploys one target a fit.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tracer

BATCHES = (1, 32, 256)
LEAST_SECONDS = 0.2


def main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text())
    fits = [_fit(folder, job, target) for target in job["targets"]]
    result = {"fits": fits, "memory": _peak_memory()}
    (folder / "result.json").write_text(json.dumps(result))


def _fit(folder: Path, job: dict[str, Any], target: float) -> dict[str, Any]:
    config = tracer.FitConfig(
        target_teacher_agreement=target,
        frontier_targets=(target,),
        skip_candidates=tuple(job["skip"]),
        verbose=False,
    )
    vectors, artifact = np.load(folder / "train.npy"), folder / f"artifact-{target}"
    started = time.perf_counter()
    fitted = tracer.fit(folder / "traces.jsonl", artifact, embeddings=vectors, config=config)
    seconds = time.perf_counter() - started
    method = fitted.manifest.selected_method
    answers: dict[str, Any] = {}
    costs: dict[str, list[float]] = {}
    if method is not None:
        rows = {name: np.load(folder / f"{name}.npy") for name in job["questions"]}
        router = tracer.load_router(artifact)
        answers = {name: router.predict_batch(vectors)["labels"] for name, vectors in rows.items()}
        costs = _costs(artifact, rows[job["questions"][0]], job["runs"])
    return {"target": target, "seconds": seconds, "method": method, "answers": answers, "costs": costs}


def _costs(artifact: Path, rows: Any, runs: int) -> dict[str, list[float]]:
    """Microseconds of CPU a row in each run, by size of batch, with its gate against novelty and without."""
    routers = {"gated": tracer.load_router(artifact)}
    (artifact / "ood.json").unlink(missing_ok=True)
    routers["plain"] = tracer.load_router(artifact)
    costs: dict[str, list[float]] = {}
    for _ in range(runs):
        for name, router in routers.items():
            for size in BATCHES:
                batches = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
                ask = _ask_single(router) if size == 1 else router.predict_batch
                costs.setdefault(f"{name}, batch {size}", []).append(_cost(ask, batches))
    return costs


def _ask_single(router: Any) -> Callable[[Any], object]:
    return lambda batch: router.predict(batch[0])


def _cost(ask: Callable[[Any], object], batches: list[Any]) -> float:
    """Over as many batches as fill the least time, after one that does not count."""
    ask(batches[0])
    rows, spent, started = 0, 0.0, time.process_time()
    for batch in itertools.cycle(batches):
        ask(batch)
        rows += len(batch)
        spent = time.process_time() - started
        if spent >= LEAST_SECONDS:
            break
    return spent / rows * 1e6


def _peak_memory() -> float | None:
    """Most that this process had in memory, in MB; None where the system does not say."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]))
