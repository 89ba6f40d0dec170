"""While Redis is away routing goes on with what it has, learning waits, and nothing is lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from infra.local.child import free_port
from infra.local.embedded_redis import EmbeddedRedis
from schemas.codec import DEFERRAL, LABEL
from schemas.messages import Deferral, Reason, Request
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded, everything
from tests.system.versions import stop
from tests.system.wishes import VERSION, answers, publish, wishes

AWAY, BACK = "Redis is away", "Redis is back"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def alone(kafka: str, tmp_path: Path, port: int) -> Iterator[Deployment]:
    """A deployment whose Redis the test starts and stops."""
    with closing(Deployment(kafka, f"redis://127.0.0.1:{port}/0", tmp_path)) as made:
        made.create_topics()
        made.configure("*", audit_rate=0.5)
        yield made


def test_routing_goes_on_without_redis(alone: Deployment, port: int) -> None:
    """Learning waits, and resumes."""
    before, during = wishes(100, "before"), wishes(200, "during")
    with (
        Inbox(alone, alone.topics.labels, decoded(LABEL)) as labels,
        GoldTeacher(alone, answers(before + during)),
    ):
        with EmbeddedRedis(port):
            publish(alone)
            router, learning = alone.worker("route"), alone.worker("learn", "certify")
            alone.send(before)
            labels.wait_for(len(before))
        alone.send(during)
        learning.wait_for_text(AWAY)
        deferred = len(during) // 4
        labels.wait_for(len(before) + len(during) - deferred)
        assert {label.source for label in labels.all[len(before) :]} == {"surrogate"}
        late = alone.worker("route")
        assert late.has_written("policy installed: version=v1"), (
            "a worker that starts now takes its copy from disk"
        )
        with EmbeddedRedis(port):
            labels.wait_for(len(before) + len(during))
            learning.wait_for_text(BACK)
            alone.stop()
    found = [LABEL.decode(message.value()) for message in everything(alone, alone.topics.labels)]
    assert Counter(label.id for label in found) == Counter(request.id for request in before + during)
    for worker in (router, learning):
        assert worker.output().count(AWAY) == 1, worker.output()


def test_a_router_started_without_redis_keeps_the_breaker(alone: Deployment, port: int) -> None:
    requests = wishes(90, "breaker")
    with (
        Inbox(alone, alone.topics.labels, decoded(LABEL)) as labels,
        Inbox(alone, alone.topics.deferrals, decoded(DEFERRAL)) as deferrals,
    ):
        alone.configure("*", audit_rate=0.0)
        with EmbeddedRedis(port):
            publish(alone)
            router = alone.worker("route")
            alone.send(requests[:30])
            labels.wait_for(20)
            stop(alone, VERSION)
            router.wait_for_text("breaker opened, everything is deferred: task=wishes")
            assert router.stop() == 0
        answered = len(labels.collect())
        late = alone.worker("route")
        assert late.has_written("policy installed: version=v1"), "the policy is there, and stopped"
        alone.send(requests[30:60])
        wait_until(partial(_deferred_all, deferrals, requests[30:60]), 60, "deferrals without Redis")
        with EmbeddedRedis(port):  # a new one, which knows of no breaker
            late.wait_for_text(BACK)
            alone.send(requests[60:])
            wait_until(partial(_deferred_all, deferrals, requests[60:]), 60, "deferrals with a new Redis")
            alone.stop()
        late_ids = {one.id for one in requests[30:]}
        found = [one for one in deferrals.all if one.request.id in late_ids]
        assert {one.reason for one in found} == {Reason.BREAKER_OPEN}
        assert all(one.sampled for one in found)
        assert len(labels.collect()) == answered


def _deferred_all(deferrals: Inbox[Deferral], requests: Sequence[Request]) -> bool:
    return {one.id for one in requests} <= {one.request.id for one in deferrals.collect()}
