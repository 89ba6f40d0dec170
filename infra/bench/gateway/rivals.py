"""TRACER's own server beside the gateway, on the same vectors."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from infra.bench.gateway.answered import CONNECTIONS, answering_site, bodies_of, in_turns
from infra.bench.gateway.sites import TARGET, Site, Workload, write_bodies
from infra.bench.kinds import KINDS
from infra.bench.report import Figure, figure
from infra.bench.servers import deployed
from infra.bench.tracer.environment import NAME, TRACER
from infra.errors import RivalUnavailable
from infra.harness.waiting import wait_until
from infra.local.child import free_port
from streams.settings import Settings

TRACES = 1_500
_INSIDE = Path(__file__).with_name("tracer_inside.py")
_PATIENCE = 1_800.0
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
            figures = []
            for connections in CONNECTIONS:
                what = f"vectors, {connections} connections"
                samples = in_turns(what, sites, connections, runs)
                for name, unit, of in (
                    ("answered", "calls/s", lambda one: one.load.rate),
                    ("p50", "ms", lambda one: one.load.p50),
                    ("p99", "ms", lambda one: one.load.p99),
                    ("cost", "µs CPU/call", lambda one: one.cost),
                ):
                    values = {site: list(map(of, samples[site])) for site in sites}
                    figures.append(
                        figure(f"{what}, beside TRACER: {name}", values["gateway"], unit, NAME, values[NAME])
                    )
            return figures


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
    port, log = free_port(), folder / "tracer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), "-I", str(_INSIDE), str(folder), str(TARGET), str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None, _PATIENCE, f"{NAME} listens")
        if process.poll() is not None:
            raise RivalUnavailable(f"{NAME} ended: {log.read_text(errors='replace').strip()[-500:]}")
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
