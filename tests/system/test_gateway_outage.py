"""A gateway is no new outage: without Kafka and Redis it forwards, and is whole again once they are there."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx2
import pytest

from infra.demo.simulated_teacher import SimulatedTeacher
from infra.harness.waiting import wait_until
from infra.harness.worker import Worker
from infra.local.apache_kafka import ApacheKafka
from infra.local.child import free_port
from infra.local.data_folder import DataFolder
from infra.local.embedded_redis import EmbeddedRedis
from infra.local.errors import LocalServerError
from infra.local.kafka_home import KafkaHome
from schemas.codec import DEFERRAL, LABEL
from schemas.messages import Label
from tests.system.deployment import Deployment
from tests.system.test_gateway import WELL, url_of
from tests.system.topics import everything
from tests.system.wishes import LABELS, TASK, VERSION, meant, publish, wishes

pytestmark = pytest.mark.system

ACK = {"UNDERSTUDY_GATEWAY__ACK": "kafka", "UNDERSTUDY_GATEWAY__STALLED_AFTER": "1"}


@pytest.fixture
def start_kafka(tmp_path: Path) -> Iterator[Callable[[], ApacheKafka]]:
    """Starts a Kafka that has what an earlier one has written."""
    with DataFolder(tmp_path / "kept") as folder:
        keeping = folder.keeping("kafka")
        home = KafkaHome(folder.room("kafka"), free_port(), free_port(), keeping)
        try:
            ApacheKafka(home).stop()
        except LocalServerError as problem:
            pytest.skip(str(problem))
        yield partial(ApacheKafka, home)


def started(deployment: Deployment, **variables: str) -> Worker:
    worker = deployment.process("infra.cli", "gateway", "--port", "0", **variables)
    worker.wait_for_text("the worker is ready")
    return worker


def reason_of(gateway: str, text: str) -> str:
    """Why the gateway answers a chat as it does."""
    asked = {"model": f"understudy/{TASK}", "messages": [{"role": "user", "content": text}]}
    reply = httpx2.post(f"{gateway}/v1/chat/completions", json=asked, timeout=30.0)
    assert reply.status_code == 200, reply.text
    assert reply.json()["choices"][0]["message"]["content"] == meant(text)
    return reply.headers["x-understudy-reason"]


class Traffic:
    """Four clients that classify without a pause, and keep what they are told."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._ends = threading.Event()
        self._texts = [request.text or "" for request in wishes(100, "traffic")]
        self.statuses: Counter[int] = Counter()
        self.labels: dict[str, Label] = {}

    def __enter__(self) -> "Traffic":
        self._pool = ThreadPoolExecutor(4)
        self._clients = [self._pool.submit(self._call, name) for name in "abcd"]
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for client in self._clients:
            client.result()
        self._pool.shutdown()

    def sources(self) -> Counter[str]:
        return Counter(label.source for label in list(self.labels.values()))

    def _call(self, name: str) -> None:
        with httpx2.Client(base_url=self._gateway, timeout=30.0) as http:
            number = 0
            while not self._ends.is_set():
                number += 1
                asked = {"task": TASK, "id": f"{name}{number}", "text": self._texts[number % 100]}
                reply = http.post("/v1/classify", json=asked)
                self.statuses[reply.status_code] += 1
                if reply.status_code == 200:
                    label = LABEL.decode(reply.content)
                    self.labels[label.id] = label


def test_no_call_fails_while_kafka_stops_and_starts(
    start_kafka: Callable[[], ApacheKafka], tmp_path: Path, redis_url: str
) -> None:
    """And with acknowledgements no answer is missing on the topic afterwards, and no audit of one."""
    kafka = start_kafka()
    with closing(Deployment(kafka.bootstrap_servers, redis_url, tmp_path)) as made, simulated() as llm:
        configure(made, llm)
        worker = started(made, **ACK)
        worker.wait_for_text(f"policy installed: version={VERSION}")
        with Traffic(url_of(worker)) as traffic:
            wait_until(lambda: traffic.sources()["surrogate"] > 200, 30, "answers")
            kafka.stop()
            wait_until(lambda: traffic.sources()["teacher"] > 50, 30, "calls that the LLM answers")
            worker.wait_for_text("topic can't be read, will retry", 90)  # its readers look for another client
            kafka = start_kafka()
            given = traffic.sources()["surrogate"]
            wait_until(lambda: traffic.sources()["surrogate"] > given + 200, 60, "answers again")
        assert set(traffic.statuses) == {200}
        made.stop()
        answered = {one.id for one in traffic.labels.values() if one.source == "surrogate"}
        written = [LABEL.decode(one.value()) for one in everything(made, made.topics.labels)]
        assert answered <= {one.id for one in written}
        audits = {DEFERRAL.decode(one.value()).request.id for one in everything(made, made.topics.audits)}
        assert {one.id for one in written if one.audited and one.id in answered} <= audits
    kafka.stop()


def test_it_starts_without_kafka_and_redis(start_kafka: Callable[[], ApacheKafka], tmp_path: Path) -> None:
    kafka, port = start_kafka(), free_port()
    made = Deployment(kafka.bootstrap_servers, f"redis://127.0.0.1:{port}/0", tmp_path)
    with closing(made), simulated() as llm:
        with EmbeddedRedis(port):
            configure(made, llm)
            before = started(made)
            before.wait_for_text(f"policy installed: version={VERSION}")
            accepted: list[str] = []

            def is_answered() -> bool:
                texts = (request.text or "" for request in wishes(20))
                accepted[:] = [one for one in texts if reason_of(url_of(before), one) == "accepted"]
                return accepted != []

            wait_until(is_answered, 60, "an answer")
            text = accepted[0]
            assert before.stop() == 0
        kafka.stop()
        gateway = started(made)
        assert gateway.has_written(f"policy installed: version={VERSION}")
        url = url_of(gateway)
        assert reason_of(url, text) == "unavailable"
        label = httpx2.post(f"{url}/v1/classify", json={"task": TASK, "text": text}, timeout=30.0).json()
        said = (label["label"], label["source"], label["reason"])
        assert said == (meant(text), "teacher", "unavailable")
        kafka = start_kafka()
        wait_until(lambda: reason_of(url, text) == "accepted", 60, "an answer without Redis")
        with EmbeddedRedis(port):
            gateway.wait_for_text("Redis is back")
            assert reason_of(url, text) == "accepted"
            made.stop()
    kafka.stop()


def simulated() -> SimulatedTeacher:
    return SimulatedTeacher(meant, LABELS, WELL)


def configure(deployment: Deployment, llm: SimulatedTeacher) -> None:
    deployment.create_topics()
    teacher = {"labels": list(LABELS), "model": "simulated", "url": llm.url}
    deployment.configure(
        TASK,
        teacher=teacher,
        chat={"mode": "serve", "prompts": ["*"]},
        audit_rate=0.3,
        audit_early=0.0,
        repeat_rate=0.0,
    )
    publish(deployment)
