"""One benchmark in a process of its own: `python -m infra.bench NAME ORDER` prints its report as JSON.

So nothing else runs beside what is measured, and no other command waits for scikit-learn to be loaded.
The order is JSON, see `infra.bench.request`. Exit status 2 where the data is missing or no good, or a server
is not there.
"""

import sys

import msgspec

from infra.bench import fit, growth, out_of_scope, scoring
from infra.bench.drift.measure import measure as drift
from infra.bench.guarantee.measure import measure as guarantee
from infra.bench.request import BenchRequest
from infra.bench.route.measure import measure as route
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
    "guarantee": guarantee,
    "drift": drift,
}


def main(name: str, order: str) -> int:
    try:
        found = MEASURES[name](msgspec.json.decode(order, type=BenchRequest))
    except (InputError, ModelError, StreamsError, LocalServerError) as error:
        sys.stderr.write(f"understudy: {error}\n")
        return 2
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
