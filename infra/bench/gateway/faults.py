"""`bench faults`: a gateway while Kafka, Redis, an LLM or its clients fail; what clients see, what it costs.

An open loop of classify calls runs through each fault. The LLM behind them answers in about .3 s.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import httpx2

from infra.bench.gateway.stage import (
    HANGS,
    STREAMS,
    TASK,
    Calls,
    MemoryWatch,
    StrangeLlm,
    call_steadily,
)
from infra.bench.kinds import KINDS
from infra.bench.process import print_progress
from infra.bench.report import Report, Table, report
from infra.bench.request import BenchRequest, chosen_names
from infra.bench.route.workload import generated_corpus
from infra.bench.teacher.stage import PaidEndpoint
from infra.bench.trial import policy_of, timed_fit
from infra.harness.deployment import Deployment, fresh_prefix, messages
from infra.harness.policies import publish_policy
from infra.local.apache_kafka import ApacheKafka
from infra.local.child import free_port
from infra.local.data_folder import DataFolder
from infra.local.embedded_redis import EmbeddedRedis
from infra.local.kafka_home import KafkaHome
from models.artifact import Artifact
from schemas.codec import LABEL

PACE = 40.0
BEFORE, AWAY, AFTER = 5.0, 30.0, 15.0
HANGING, VANISHING, SLOW = 2_100, 500, 10_000
CHATS_A_SECOND = 100.0
_TRACES, _TEXTS = 2_000, 500
_IDLE_LOOKS = 200
"""Of 50 ms each."""
_COLUMNS = (
    *("fault", "calls", "failed", "by the surrogate", "by the LLM", "p50 ms", "p99 ms", "longest ms"),
    *("memory MB: before", "most", "after", "and"),
)
_CONFIG: Mapping[str, object] = MappingProxyType(
    {
        "target_agreement": 0.9,
        "audit_rate": 0.05,
        "audit_early": 0.0,
        "repeat_rate": 0.0,
        "refit": {"at_least": 1_000_000},
    }
)
Fault = Callable[["FaultStage"], Awaitable[tuple[Calls, str]]]


@dataclass
class FaultStage:
    """What runs. Kafka and Redis can be stopped, and started again."""

    start_kafka: Callable[[], ApacheKafka]
    start_redis: Callable[[], EmbeddedRedis]
    kafka: ApacheKafka
    redis: EmbeddedRedis
    deployment: Deployment
    texts: list[str]
    llm: StrangeLlm = field(default_factory=StrangeLlm)

    def begin(self, artifact: Artifact, paid: PaidEndpoint) -> None:
        """Publish the policy, and start the roles."""
        self.deployment.create_topics()
        self.deployment.configure(TASK, teacher=paid.config(64), **_CONFIG)
        publish_policy(self.deployment.settings, TASK, artifact)
        self.deployment.worker("learn", "teacher")
        ack = {"UNDERSTUDY_GATEWAY__ACK": "kafka"}
        self.worker = self.deployment.process("infra.cli", "gateway", "--port", "0", **ack)
        self.worker.wait_for_text("the worker is ready")

    def stop(self) -> None:
        self.deployment.close()
        self.redis.stop()
        self.kafka.stop()

    @property
    def url(self) -> str:
        found = re.search(r"gateway listens: (\S+)", self.worker.output())
        if found is None:
            raise self.worker.failure("does not listen")
        return found[1]

    def calls(self, seconds: float) -> "asyncio.Task[Calls]":
        return asyncio.create_task(call_steadily(self.url, self.texts, PACE, seconds))


async def nothing(stage: FaultStage) -> tuple[Calls, str]:
    """No fault: the reference."""
    return await stage.calls(AFTER), ""


async def kafka_stopped(stage: FaultStage) -> tuple[Calls, str]:
    calling = stage.calls(BEFORE + AWAY + AFTER)
    await asyncio.sleep(BEFORE)
    await asyncio.to_thread(stage.kafka.stop)
    await asyncio.sleep(AWAY)
    stage.kafka = await asyncio.to_thread(stage.start_kafka)
    calls = await calling
    written = await asyncio.to_thread(_written, stage.deployment)
    lost = len(calls.answered - written)
    return calls, f"{lost} of the surrogate's {len(calls.answered)} answers are not on the topic"


async def redis_stopped(stage: FaultStage) -> tuple[Calls, str]:
    calling = stage.calls(BEFORE + AWAY + AFTER)
    await asyncio.sleep(BEFORE)
    await asyncio.to_thread(stage.redis.stop)
    await asyncio.sleep(AWAY)
    stage.redis = await asyncio.to_thread(stage.start_redis)
    return await calling, ""


async def hanging(stage: FaultStage) -> tuple[Calls, str]:
    """More chats wait for an LLM than a task may have (2,000)."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=stage.url, timeout=None, limits=limits) as http:
        calling, chats = stage.calls(HANGING / CHATS_A_SECOND + AFTER), []
        for _ in range(HANGING):
            chats.append(asyncio.create_task(http.post("/v1/chat/completions", json=_chat(HANGS))))
            await asyncio.sleep(1.0 / CHATS_A_SECOND)
        calls = await calling
        refused = [chat.result().status_code for chat in chats if chat.done()]
        waiting = stage.llm.open
        for chat in chats:
            chat.cancel()
        await asyncio.gather(*chats, return_exceptions=True)
    await _until(lambda: stage.llm.open == 0)
    return calls, f"{waiting} chats waited, {refused.count(429)} got a 429; none left at the LLM afterwards"


async def vanishing(stage: FaultStage) -> tuple[Calls, str]:
    """Clients of a stream without an end hang up."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=stage.url, timeout=60.0, limits=limits) as http:
        calling = stage.calls(AFTER)
        await asyncio.gather(*(_read_a_little(http) for _ in range(VANISHING)))
    await _until(lambda: stage.llm.open == 0)
    return await calling, f"{VANISHING} streams cut by their clients, none left at the LLM"


async def slow(stage: FaultStage) -> tuple[Calls, str]:
    """Clients that never send the rest of their headers."""
    host, port = stage.url.removeprefix("http://").split(":")
    opened = []
    for _ in range(SLOW):
        opened.append(await asyncio.open_connection(host, int(port)))
        opened[-1][1].write(b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\nx-a: ")
    calls = await stage.calls(AFTER)
    closed = sum(reader.at_eof() or reader.exception() is not None for reader, _ in opened)
    for _, writer in opened:
        writer.close()
    return calls, f"{SLOW} connections, {closed} of them hung up on by the end"


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "none": nothing,
        "kafka": kafka_stopped,
        "redis": redis_stopped,
        "hanging": hanging,
        "vanishing": vanishing,
        "slow": slow,
    }
)


def measure(request: BenchRequest) -> Report:
    """Raises:
    MissingData: there is no such fault.
    LocalServerError, StreamsError: a server does not start, or the system stalls.
    """
    names = chosen_names(request.only, FAULTS, "fault")
    with _staged() as stage:
        rows = asyncio.run(_measure(stage, names))
    return report([], [Table("A gateway under faults, `ack=kafka`", _COLUMNS, tuple(rows))])


async def _measure(stage: FaultStage, names: list[str]) -> list[tuple[str, ...]]:
    rows = []
    async with stage.llm.serving() as strange:
        for task in (HANGS, STREAMS):
            teacher = {"url": f"{strange}/{task}/v1", "model": "m"}
            stage.deployment.configure(task, teacher=teacher)
        await stage.calls(BEFORE)
        for name in names:
            print_progress(f"{name}:")
            with MemoryWatch(stage.worker) as memory:
                calls, said = await FAULTS[name](stage)
            rows.append(_row(name, calls, memory, said))
    return rows


@contextmanager
def _staged() -> Iterator[FaultStage]:
    corpus = generated_corpus(_TRACES, _TEXTS)
    artifact, texts = policy_of(timed_fit(KINDS[0], corpus.traces)), list(corpus.requests.rows.texts or ())
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(prefix="understudy-bench-")))
        paid = stack.enter_context(PaidEndpoint(dict(zip(texts, corpus.requests.labels, strict=True))))
        folder = stack.enter_context(DataFolder(place / "kept"))
        home = KafkaHome(folder.room("kafka"), free_port(), free_port(), folder.keeping("kafka"))
        start_kafka, start_redis = partial(ApacheKafka, home), partial(EmbeddedRedis, free_port())
        kafka, redis = start_kafka(), start_redis()
        deployment = Deployment(kafka.bootstrap_servers, redis.url, place, fresh_prefix("faults"))
        stage = FaultStage(start_kafka, start_redis, kafka, redis, deployment, texts)
        stack.callback(stage.stop)
        stage.begin(artifact, paid)
        yield stage


def _chat(task: str) -> dict[str, object]:
    asked = [{"role": "system", "content": "?"}, {"role": "user", "content": "hello"}]
    return {"model": f"understudy/{task}", "messages": asked, "stream": task == STREAMS}


async def _read_a_little(http: httpx2.AsyncClient) -> None:
    async with http.stream("POST", "/v1/chat/completions", json=_chat(STREAMS)) as reply:
        with suppress(StopAsyncIteration):
            await anext(reply.aiter_raw())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30.0):
        while not condition():
            await _pause()


async def _pause() -> None:
    await asyncio.sleep(0.05)


def _written(deployment: Deployment) -> set[str]:
    """Ids on the topic of labels, once nothing comes any more."""
    consumer = deployment.consumer(deployment.topics.labels)
    found, idle = set[str](), 0
    try:
        while idle < _IDLE_LOOKS:
            read = [LABEL.decode(one.value() or b"").id for one in messages(consumer)]
            found.update(read)
            idle = 0 if read else idle + 1
    finally:
        consumer.close()
    return found


def _row(name: str, calls: Calls, memory: MemoryWatch, said: str) -> tuple[str, ...]:
    outcomes = ", ".join(f"{count} {what}" for what, count in calls.outcomes.items() if what != "200")
    numbers = (calls.quantile(50), calls.quantile(99), max(calls.milliseconds))
    return (
        name,
        str(calls.outcomes.total()),
        f"{calls.failed}" + (f" ({outcomes})" if outcomes else ""),
        *(str(calls.sources[source]) for source in ("surrogate", "teacher")),
        *(f"{number:,.1f}" for number in numbers),
        *(f"{number:.0f}" for number in (memory.before, memory.most, memory.after)),
        said,
    )
