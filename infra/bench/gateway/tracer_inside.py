"""Script for TRACER's own environment, `python tracer_inside.py FOLDER TARGET PORT`: fits it, then serves.

The folder has `traces.jsonl` and `train.npy`, a vector for each trace. Its surrogates are tried with its
defaults, but for gradient boosting (see `infra.bench.tracer.rival`); then its own `serve` listens on
127.0.0.1.
"""

import sys
from pathlib import Path

import numpy as np
import tracer


def main(folder: Path, target: float, port: int) -> None:
    artifact = folder / "artifact"
    config = tracer.FitConfig(
        target_teacher_agreement=target, frontier_targets=(target,), skip_candidates=("gbt",), verbose=False
    )
    tracer.fit(folder / "traces.jsonl", artifact, embeddings=np.load(folder / "train.npy"), config=config)
    print("fitted", flush=True)  # noqa: T201 - the benchmark waits for it
    tracer.serve(artifact, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
