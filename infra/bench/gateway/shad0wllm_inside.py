"""Script for shad0wllm's own environment: FOLDER fits, FOLDER `serve` PORT and FOLDER `proxy` PORT LLM serve.

The folder has `traces.jsonl` (records as it logs them), and gets its bundle. It is fitted for half of the
agreement that it could promise: what an answer costs does not depend on it. Its proxy answers whatever it
thinks it knows (`force_threshold`) and checks none of it, since it certifies hardly anything of these traces.
"""

import json
import sys
from pathlib import Path

import shad0w
from shad0w.proxy import proxy
from shad0w.server import serve

QUESTION = "label"


def main(folder: Path, mode: str = "fit", port: str = "0", upstream: str = "") -> None:
    bundle = str(folder / "bundle")
    if mode == "serve":
        serve(bundle, port=int(port))
    elif mode == "proxy":
        settings = {"force_threshold": 0.0, "audit_rate": 0.0}
        server = proxy(
            upstream,
            port=int(port),
            folder=str(folder / "questions"),
            model="scripted",
            bundles={QUESTION: bundle},
            **settings,
        )
        server.serve_forever()
    else:
        fit(folder, bundle)


def fit(folder: Path, bundle: str) -> None:
    lines = (folder / "traces.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    options = sorted({record[QUESTION] for record in records})
    schema = {QUESTION: {"type": "choice", "criteria": dict.fromkeys(options)}}
    model, _ = shad0w.shadow_compile(schema, records, alpha=0.5, delta=0.1)
    model.save(bundle)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
