"""Servers that a benchmark runs on: a real Kafka, the operator's or our own, and a Redis of our own."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from infra.harness.deployment import Deployment, fresh_prefix
from infra.local.apache_kafka import ApacheKafka
from infra.local.embedded_redis import EmbeddedRedis
from streams.kafka.clients import admin_options
from streams.settings import Settings, load_settings

_PARTITIONS = 4
_TIMEOUT_S = 15.0


@contextmanager
def servers() -> Iterator[Settings]:
    """Settings that lead to these servers: exactly once, topics of 4 partitions, a temporary data folder.

    Routers start with a secret audit key alone, so there is one for this benchmark where none is set.

    Raises:
        LocalServerError: a server does not start.
    """
    settings = load_settings(delivery="exactly_once", partitions=_PARTITIONS)
    with ExitStack() as stack:
        kafka = dict(settings.kafka)
        if "bootstrap.servers" not in kafka:
            kafka["bootstrap.servers"] = stack.enter_context(ApacheKafka()).bootstrap_servers
        redis = {"url": stack.enter_context(EmbeddedRedis()).url}
        data = Path(stack.enter_context(TemporaryDirectory(prefix="understudy-bench-")))
        changes: dict[str, object] = {"kafka": kafka, "redis": redis, "data": data}
        if "audit_key" not in settings.model_fields_set:
            changes["audit_key"] = SecretStr(secrets.token_hex())
        yield settings.model_copy(update=changes)


@contextmanager
def deployed(servers: Settings, name: str) -> Iterator[Deployment]:
    """A deployment of its own on these servers, with its topics; all of it goes at the end."""
    with TemporaryDirectory(prefix="understudy-bench-") as folder:
        kafka, redis = str(servers.kafka["bootstrap.servers"]), str(servers.redis["url"])
        deployment = Deployment(kafka, redis, Path(folder), fresh_prefix(f"{servers.prefix}-{name}"))
        deployment.create_topics()
        with topics_removed(deployment.settings), closing(deployment):
            yield deployment


@contextmanager
def topics_removed(settings: Settings) -> Iterator[None]:
    """Delete the topics of this prefix at the end."""
    try:
        yield
    finally:
        admin = AdminClient(admin_options(settings))
        for deletion in admin.delete_topics(list(settings.topics.all())).values():
            deletion.result(_TIMEOUT_S)
