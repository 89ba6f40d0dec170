"""What stops and goes on is two lines, whichever part it stops in, however often it is tried in between."""

import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from infra.local.child import free_port
from streams.errors import DeliveryFailed, KafkaFailed, StateUnavailable
from streams.gateway.problems import HttpProblem
from streams.gateway.record_sender import RecordSender
from streams.gateway.upstream import Upstream, UpstreamCall
from streams.guard import heartbeat
from streams.guard.heartbeat import GuardHeartbeat
from streams.kafka.batch import Outgoing
from streams.kafka.tail import Tail
from streams.roles.trainer import Trainer
from streams.teacher.circuit import FAILURES
from streams.teacher.endpoint_circuits import EndpointCircuits, EndpointIdentity
from streams.teacher.outcome import FailureKind, TryLater
from streams.trainer.window import TraceWindow
from tests.streams.gateway.harness import ScriptedBroker, until
from tests.streams.gateway.scripted_llm import scripted_llm

_OF_THE_SERVER = ("streams.gateway.server", "streams.gateway.open_files")
ENDPOINT = EndpointIdentity("http://user:hidden@llm:1/v1", "m", "KEY")


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Any:
    """What was logged so far: level and text of each line."""
    caplog.set_level(logging.INFO)

    def lines() -> list[tuple[str, str]]:
        ours = [
            (record.levelname, record.getMessage())
            for record in caplog.records
            if record.name.startswith("streams") and record.name not in _OF_THE_SERVER
        ]
        return [(level, text) for level, text in ours if not text.startswith("[^")]

    return lines


def names(lines: Sequence[tuple[str, str]], *begins: str) -> bool:
    return [level for level, _ in lines] == ["WARNING", "INFO"] * (len(begins) // 2) and all(
        text.startswith(begin) for (_, text), begin in zip(lines, begins, strict=True)
    )


def test_a_circuit_that_opens_and_closes(said: Any) -> None:
    now = [0.0]
    circuits = EndpointCircuits(lambda: now[0], lambda: 0.0)
    for _ in range(FAILURES + 3):  # some fail as probes
        now[0] += 100.0
        circuits.on_failure(circuits.begin("t", ENDPOINT), TryLater("down", FailureKind.SERVER_ERROR))
    now[0] += 100.0
    circuits.on_success(circuits.begin("t", ENDPOINT))
    begun, reminded, again, more, ended = said()
    assert begun == (
        "WARNING",
        "the teacher is not called for now: down, url=http://user:***@llm:1/v1 model=m",
    )
    assert {level for level, _ in (reminded, again, more)} == {"ERROR"}
    assert ended[1] == "the teacher is called again: seconds=400.0 url=http://user:***@llm:1/v1 model=m"


def test_a_limit_of_a_moment_is_no_outage(said: Any) -> None:
    now = [0.0]
    circuits = EndpointCircuits(lambda: now[0], lambda: 0.0)
    limit = TryLater("slow down", FailureKind.RATE_LIMITED, retry_after=2.0)
    circuits.on_failure(circuits.begin("t", ENDPOINT), limit)
    assert said() == []
    now[0] = 60.0
    long = TryLater("quota", FailureKind.RATE_LIMITED, retry_after=300.0)
    circuits.on_failure(circuits.begin("t", ENDPOINT), long)
    assert len(said()) == 1


async def test_a_lease_that_is_lost_and_regained(said: Any) -> None:
    answers: list[int | StateUnavailable | None] = [
        1,
        None,
        None,
        2,
        StateUnavailable("x"),
        StateUnavailable("x"),
        3,
    ]

    async def acquire(_: str) -> int | None:
        answer = answers.pop(0)
        if isinstance(answer, StateUnavailable):
            raise answer
        return answer

    async def active(_: str) -> None: ...

    parts: Any = SimpleNamespace(acquire=acquire, active=active)
    trainer = Trainer(parts, parts, parts, parts, parts, 1.0)
    trainer._windows["shop"] = TraceWindow()
    while answers:
        await trainer._renew_leases()
    assert [text.split(":")[0] for _, text in said()] == [
        "trainer holds the lease",
        "trainer has lost the lease",
        "trainer holds the lease",
        "trainer has the lease again",
        "leases can't be renewed, nothing is refitted",
        "trainer holds the lease",
        "leases are renewed again",
    ]
    assert "task=shop" in said()[1][1]


async def test_an_endpoint_that_an_app_s_calls_go_to(said: Any) -> None:
    upstream = Upstream()
    async with scripted_llm() as llm:
        llm.says("no")
        gone = f"http://user:hidden@127.0.0.1:{free_port()}"
        for _ in range(3):
            with pytest.raises(HttpProblem):
                await upstream.open(UpstreamCall(f"{gone}/v1/chat/completions", [], b"{}"))
        (await upstream.open(UpstreamCall(f"{llm.url}/chat/completions", [], b"{}"))).close()
    await upstream.aclose()
    [(level, text)] = said()
    assert level == "WARNING"
    assert text.startswith("the LLM's endpoint does not answer: ")
    assert text.endswith(f"url={gone.replace('user:hidden@', '')}"), "one is away, and not the other"


async def test_records_that_kafka_does_not_acknowledge(said: Any) -> None:
    broker: Any = ScriptedBroker()
    sender = RecordSender(lambda: broker, 0.1, 1.0, 10)
    await sender.start()
    broker.holds = True
    waiting = sender.acknowledgement([Outgoing("labels", b"k", b"1", None)])
    with pytest.raises(DeliveryFailed):
        await waiting
    await until(lambda: len(said()) == 1)
    broker.holds = False
    await until(lambda: len(said()) == 2)
    await sender.stop()
    assert names(said(), "Kafka acknowledges no records", "Kafka acknowledges records again: seconds=")


async def test_the_heartbeat_of_certify(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.0)
    looks = [0]
    parts: Any = SimpleNamespace()
    beating = GuardHeartbeat(parts, parts, [], lambda: 0.0)

    async def look() -> bool:
        looks[0] += 1
        if looks[0] < 4:
            raise KafkaFailed("no broker")
        return True

    monkeypatch.setattr(beating, "look", look)
    await beating.start()
    await until(lambda: looks[0] > 5)
    await beating.stop()
    assert names(said(), "no heartbeat of certify", "heartbeats of certify go on: seconds=")


def test_a_topic_that_cannot_be_read(said: Any) -> None:
    reader = Tail("config", Any, lambda: Any, batch=1)  # type: ignore[arg-type, return-value]
    refused = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    end = KafkaError(KafkaError._PARTITION_EOF)
    reader._behind = {1}
    for error in (refused, refused, refused, end):
        message: Any = SimpleNamespace(error=lambda error=error: error, partition=lambda: 0)
        reader._hand_over([message])
    assert names(said(), "topic can't be read, will retry", "topic is read again: seconds=")
    assert said()[0][1].endswith("topic=config")
