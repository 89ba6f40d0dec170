"""TRACER's own server beside the gateway, on the same vectors."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from infra.bench.gateway.answered import answering_site, beside, bodies_of
from infra.bench.gateway.rival_server import rival_server
from infra.bench.gateway.sites import TARGET, Site, Workload, write_bodies
from infra.bench.kinds import KINDS
from infra.bench.report import Figure
from infra.bench.servers import deployed
from infra.bench.tracer.environment import NAME, TRACER
from infra.local.child import free_port
from streams.settings import Settings

TRACES = 1_500
_INSIDE = Path(__file__).with_name("tracer_inside.py")
_VECTORS = KINDS[1]


def tracer(servers: Settings, data: Workload, runs: int) -> list[Figure]:
    """Closed loop at 1 and 64 connections. An answer costs it what a refusal does, so few traces do.

    Raises:
        RivalUnavailable: it can't be installed, or does not start.
    """
    python = TRACER.interpreter()
    with (
        answering_site(servers, data, _VECTORS, "none") as (_, ours),
        deployed(servers, "tracer") as other,
    ):
        bodies = [{"embedding": body["embedding"]} for body in bodies_of(data, _VECTORS)]
        file = write_bodies(other.folder / "vectors.jsonl", bodies)
        with _serving(python, data, other.folder) as (port, process):
            sites = {"gateway": ours, NAME: Site(port, process, "/predict", file, '"label"')}
            return beside("vectors", sites, NAME, runs)


@contextmanager
def _serving(python: Path, data: Workload, folder: Path) -> Iterator[tuple[int, int]]:
    """Its port and process, once it has learned and listens."""
    learned = data.train.take(range(TRACES))
    texts = learned.rows.texts or ()
    lines = [
        json.dumps({"input": text, "teacher": label}) + "\n"
        for text, label in zip(texts, learned.labels, strict=True)
    ]
    (folder / "traces.jsonl").write_text("".join(lines), encoding="utf-8")
    assert learned.rows.embeddings is not None  # noqa: S101 - Banking77 is read with its vectors
    np.save(folder / "train.npy", learned.rows.embeddings)
    port = free_port()
    command = [str(python), "-I", str(_INSIDE), str(folder), str(TARGET), str(port)]
    with rival_server(NAME, command, port, folder / "tracer.log") as process:
        yield port, process
