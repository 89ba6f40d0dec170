"""One benchmark in a process of its own: `python -m infra.bench NAME ORDER` prints its report as JSON.

So nothing else runs beside what is measured, and no other command waits for scikit-learn to be loaded.
The order is JSON, see `infra.bench.order`. Exit status 2 where the data is missing or no good, or a server is
not there.
"""

import sys

import msgspec

from infra.bench import fit, growth, policy, scope, validity
from infra.bench.drift.measure import measure as drift
from infra.bench.guarantee.measure import measure as guarantee
from infra.bench.order import Order
from infra.bench.route.measure import measure as route
from infra.errors import InputError
from infra.local.errors import LocalServerError
from models.errors import ModelError
from streams.errors import StreamsError

MEASURES = {
    "policy": policy.measure,
    "fit": fit.measure,
    "growth": growth.measure,
    "scope": scope.measure,
    "validity": validity.measure,
    "route": route,
    "guarantee": guarantee,
    "drift": drift,
}


def main(name: str, order: str) -> int:
    try:
        found = MEASURES[name](msgspec.json.decode(order, type=Order))
    except (InputError, ModelError, StreamsError, LocalServerError) as error:
        sys.stderr.write(f"understudy: {error}\n")
        return 2
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
