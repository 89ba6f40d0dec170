"""One benchmark in a process of its own: `python -m infra.bench NAME REQUEST` prints its report as JSON.

So nothing else runs next to what is measured, and no other command waits for scikit-learn to load.
The request is JSON, see `infra.bench.request`. Exit status 2 where data, a library or a server is missing.
SIGTERM ends it as an exception does: its servers and workers are stopped, also those that it has paused.
"""

import signal
import sys

import msgspec

from infra.bench import criteria, encoders, fit, growth, out_of_scope, probes, rebalance, scoring
from infra.bench.chaos.measure import measure as chaos
from infra.bench.dashboard.measure import measure as dashboard
from infra.bench.drift.measure import measure as drift
from infra.bench.gateway.faults import measure as faults
from infra.bench.gateway.measure import measure as gateway
from infra.bench.guarantee.measure import measure as guarantee
from infra.bench.idle.measure import measure as idle
from infra.bench.latency.measure import measure as latency
from infra.bench.request import BenchRequest
from infra.bench.route.measure import measure as route
from infra.bench.route.processes import measure as processes
from infra.bench.teacher.measure import measure as teacher
from infra.bench.validity.measure import measure as validity
from infra.errors import InputError
from infra.local.errors import LocalServerError
from models.errors import ModelError
from streams.errors import StreamsError

MEASURES = {
    "policy": scoring.measure,
    "fit": fit.measure,
    "growth": growth.measure,
    "scope": out_of_scope.measure,
    "validity": validity,
    "route": route,
    "processes": processes,
    "latency": latency,
    "encoders": encoders.measure,
    "probes": probes.measure,
    "criteria": criteria.measure,
    "rebalance": rebalance.measure,
    "idle": idle,
    "guarantee": guarantee,
    "drift": drift,
    "teacher": teacher,
    "faults": faults,
    "gateway": gateway,
    "dashboard": dashboard,
    "chaos": chaos,
}


_TERMINATED = 128 + signal.SIGTERM


def main(name: str, request: str) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        report = MEASURES[name](msgspec.json.decode(request, type=BenchRequest))
    except (InputError, ModelError, StreamsError, LocalServerError) as error:
        sys.stderr.write(f"understudy: {error}\n")
        return 2
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
