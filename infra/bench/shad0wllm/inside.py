"""Script for shad0wllm's own environment, `python inside.py FOLDER`: fits its table and writes its answers.

The folder has `job.json`, `traces.jsonl` (records as it logs them) and `test.json` (texts). Out comes
`result.json`, see `infra.bench.shad0wllm.rival`. A target agreement is its `alpha`, the most that its answers
may disagree, and `delta` is given; all else is its default. It certifies one alpha a fit, on a part of the
traces that it sets apart. What it certifies is asked for without its guard against drift, which would take
test rows that are sorted by label for a change of traffic.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import shad0w

QUESTION = "label"


def main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text())
    records = [json.loads(line) for line in (folder / "traces.jsonl").read_text("utf-8").splitlines()]
    texts = json.loads((folder / "test.json").read_text("utf-8"))
    fits = [_fit(folder, job, target, records, texts) for target in job["targets"]]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    (folder / "result.json").write_text(json.dumps({"fits": fits, "memory": memory}))


def _fit(
    folder: Path, job: dict[str, Any], target: float, records: list[dict[str, str]], texts: list[str]
) -> dict[str, Any]:
    options = sorted({record[QUESTION] for record in records})
    schema = {QUESTION: {"type": "choice", "criteria": dict.fromkeys(options)}}
    started = time.perf_counter()
    alpha = round(1.0 - target, 9)
    model, certificate = shad0w.shadow_compile(schema, records, alpha=alpha, delta=job["delta"])
    seconds = time.perf_counter() - started
    bundle = folder / f"bundle-{target}"
    model.save(str(bundle))
    served = shad0w.load(str(bundle))
    return {
        "target": target,
        "seconds": seconds,
        "certified": certificate["questions"][QUESTION]["threshold"] is not None,
        "student": certificate["questions"][QUESTION]["student"],
        "answers": [_answer(served, text) for text in texts],
    }


def _answer(model: Any, text: str) -> str | None:
    """Its label; None where it would ask the teacher."""
    decision = model.decide(text, probabilities=False, observe=False)["answers"][QUESTION]
    return decision["choice"] if decision["certified"] else None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
