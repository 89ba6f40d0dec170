"""`bench route`: messages a second that one worker routes, exactly once, and what one costs in CPU.

On a real Kafka with 4 partitions, over requests that wait in the topic: one that the settings name, else an
Apache Kafka of our own. A worker as users run it, the bare loop and stock Faust take turns, run by run, on
the same messages.
"""

import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka.admin import AdminClient

from infra.bench.figures import Figure, Report, figure, report
from infra.bench.kinds import KINDS, Kind
from infra.bench.order import Order
from infra.bench.route.contestants import BARE, STOCK_FAUST, UNDERSTUDY, pace
from infra.bench.route.corpus import Corpus, corpus
from infra.bench.route.meter import Pace
from infra.bench.route.workload import TARGET, prepare
from infra.local.apache_kafka import ApacheKafka
from infra.local.embedded_redis import EmbeddedRedis
from streams.kafka.clients import admin_options
from streams.settings import Settings, load_settings

REFERENCES = {
    BARE: "bare confluent-kafka loop, exactly once",
    STOCK_FAUST: "stock Faust agent, at least once",
}

_MESSAGES = 400_000
_PARTITIONS = 4
_PROMPTLY = 15.0


def measure(order: Order) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.route.corpus` and `infra.bench.trial.policy_of`.
    LocalServerError, StreamsError: a server does not start, or a contestant does not get on.
    """
    data = corpus(Path(order.folder))
    with _servers() as settings:
        return report([found for kind in KINDS for found in _of(kind, settings, data, order.runs)])


def figures(kind: str, worker: Sequence[Pace], references: Mapping[str, Sequence[Pace]]) -> list[Figure]:
    """Rate and CPU of the worker's runs, beside those of every reference, which are named by the keys."""
    return [
        found
        for reference, paces in references.items()
        for found in (
            figure(
                f"{kind}: routed",
                [pace.rate for pace in worker],
                "messages/s",
                reference,
                [pace.rate for pace in paces],
            ),
            figure(
                f"{kind}: cost",
                [pace.cpu for pace in worker],
                "µs CPU/message",
                reference,
                [pace.cpu for pace in paces],
            ),
        )
    ]


def _of(kind: Kind, servers: Settings, data: Corpus, runs: int) -> list[Figure]:
    settings = servers.model_copy(update={"prefix": f"{servers.prefix}-bench-{secrets.token_hex(4)}"})
    contestants = (UNDERSTUDY, *REFERENCES)
    with _topics_removed(settings):
        answered = prepare(settings, kind, data, _MESSAGES)
        paces: dict[str, list[Pace]] = {contestant.name: [] for contestant in contestants}
        for run in range(runs):
            for contestant in contestants:
                found = pace(contestant, settings, _MESSAGES)
                paces[contestant.name].append(found)
                _note(f"{kind.name}, run {run + 1}, {contestant.name}: {found}")
    references = {name: paces[contestant.name] for contestant, name in REFERENCES.items()}
    return [
        *figures(kind.name, paces[UNDERSTUDY.name], references),
        figure(f"{kind.name}: answered at {TARGET}, {data.name}", [answered], "share"),
    ]


@contextmanager
def _servers() -> Iterator[Settings]:
    """The operator's Kafka or our own; Redis is always our own. Delivery is exactly once."""
    settings = load_settings(delivery="exactly_once", partitions=_PARTITIONS)
    with ExitStack() as stack:
        kafka = dict(settings.kafka)
        if "bootstrap.servers" not in kafka:
            kafka["bootstrap.servers"] = stack.enter_context(ApacheKafka()).bootstrap_servers
        redis = {"url": stack.enter_context(EmbeddedRedis()).url}
        data = Path(stack.enter_context(TemporaryDirectory(prefix="understudy-bench-")))
        yield settings.model_copy(update={"kafka": kafka, "redis": redis, "data": data})


@contextmanager
def _topics_removed(settings: Settings) -> Iterator[None]:
    try:
        yield
    finally:
        admin = AdminClient(admin_options(settings))
        for removed in admin.delete_topics(list(settings.topics.all())).values():
            removed.result(_PROMPTLY)


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
