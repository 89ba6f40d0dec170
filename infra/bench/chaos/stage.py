"""Stage: a real Kafka and Redis that can be stopped and started again, an endpoint, and the tasks' config."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from infra.bench.chaos.endpoint import ScriptedEndpoint
from infra.bench.chaos.fleet import Fleet
from infra.bench.chaos.gold import LABELS, SLOW, TEXT, VECTORS
from infra.bench.chaos.plan import SESSION_S, TRANSACTION_S
from infra.harness.deployment import Deployment, fresh_prefix
from infra.local.apache_kafka import ApacheKafka
from infra.local.child import free_port
from infra.local.data_folder import DataFolder
from infra.local.embedded_redis import EmbeddedRedis, RedisHome
from infra.local.kafka_home import KafkaHome
from streams.settings import WITHOUT_PORT

ROLES = WITHOUT_PORT
TARGET, DELTA = 0.9, 0.05
QUICK_S, SLOW_S = 0.1, 1.0
"""Seconds that the endpoints take for an answer."""
_UNGUARDED_S = 20.0
_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "UNDERSTUDY_CONSUMER__SESSION_TIMEOUT_MS": str(round(SESSION_S * 1000)),
        "UNDERSTUDY_CONSUMER__HEARTBEAT_INTERVAL_MS": str(round(SESSION_S * 1000) // 4),
        "UNDERSTUDY_PRODUCER__TRANSACTION_TIMEOUT_MS": str(round(TRANSACTION_S * 1000)),
        "UNDERSTUDY_DRAIN": "5",
        "UNDERSTUDY_LEASE": "3",
        "OMP_NUM_THREADS": "1",
    }
)
_BROKER: Mapping[str, str] = MappingProxyType(
    {
        # Against power cuts, which are none of the faults; flushes stall the broker where a disk is busy.
        "log.flush.interval.ms": str(2**63 - 1),
        "log.flush.scheduler.interval.ms": str(2**63 - 1),
    }
)
_CONFIG: Mapping[str, object] = MappingProxyType(
    {
        "target_agreement": TARGET,
        "delta": DELTA,
        "audit_rate": 0.4,
        "audit_early": 0.0,
        "repeat_rate": 0.05,
        "guard_staleness": _UNGUARDED_S,
        "refit": {"at_least": 200, "growth": 1.0, "quiet": 10.0},
    }
)


@dataclass
class ChaosStage:
    """What runs; `kafka` and `redis` are replaced where they are started again."""

    start_kafka: Callable[[], ApacheKafka]
    start_redis: Callable[[], EmbeddedRedis]
    kafka: ApacheKafka
    redis: EmbeddedRedis
    deployment: Deployment
    endpoints: Mapping[str, ScriptedEndpoint]
    fleet: Fleet

    def stop_servers(self) -> None:
        self.redis.stop()
        self.kafka.stop()

    def name(self, topic: str) -> str:
        return f"{self.deployment.prefix}.{topic}"


@contextmanager
def staged(folder: Path | None) -> Iterator[ChaosStage]:
    """Everything, with its workers ready.

    Args:
        folder: for logs and data; None for a temporary one.

    Raises:
        LocalServerError, StreamsError: a server or a worker does not start.
    """
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(TemporaryDirectory(prefix="understudy-chaos-")))
        kept = stack.enter_context(DataFolder(place / "kept"))
        kafka_home = KafkaHome(
            kept.room("kafka"),
            free_port(),
            free_port(),
            kept.keeping("kafka"),
            _BROKER,
        )
        redis_home = RedisHome(kept.room("redis"), free_port(), kept.keeping("redis"))
        start_kafka, start_redis = partial(ApacheKafka, kafka_home), partial(EmbeddedRedis, home=redis_home)
        kafka, redis = start_kafka(), start_redis()
        deployment = Deployment(
            kafka.bootstrap_servers, redis.url, place, fresh_prefix("chaos"), dict(_ENVIRONMENT)
        )
        quick, slow = (stack.enter_context(ScriptedEndpoint(latency)) for latency in (QUICK_S, SLOW_S))
        endpoints = {TEXT: quick, VECTORS: quick, SLOW: slow}
        stage = ChaosStage(
            start_kafka, start_redis, kafka, redis, deployment, endpoints, Fleet(deployment, ROLES)
        )
        stack.callback(stage.stop_servers)
        deployment.create_topics()
        for task, endpoint in endpoints.items():
            teacher = {"url": endpoint.url, "model": "gold", "labels": list(LABELS), "timeout": 5.0}
            waits = {"give_up_after": 20.0} if task == SLOW else {}
            embedder = _embedder(task, endpoint.url)
            deployment.configure(task, **_CONFIG, embedder=embedder, teacher={**teacher, **waits})
        stack.enter_context(stage.fleet)
        yield stage


def _embedder(task: str, url: str) -> str:
    """What the task's policies read; the vectors of the slow one are made by its endpoint."""
    return {TEXT: "text", VECTORS: "precomputed", SLOW: f"endpoint:{url}#vectors"}[task]
