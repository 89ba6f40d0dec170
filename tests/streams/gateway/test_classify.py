"""Over HTTP a request is decided as route decides it, and its label comes back whoever gives it."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError

from schemas.codec import DEFERRAL, LABEL
from schemas.messages import Label, Reason, Request
from streams.encoder_spec import EncoderSpec
from streams.gateway.problems import seconds_to_new_day
from streams.kafka.batch import Outgoing
from streams.roles.route import RouteRole
from streams.sampling import Sampler
from streams.teacher.outcome import FailureKind, TryLater
from tests.streams.fakes import TOPICS, ScriptedPolicy, flat, message
from tests.streams.gateway.harness import UNSURE, YES, RunningGateway, running, until
from tests.streams.roles.encoding_room import SPEC, Held, happens

TEACHER = {"teacher": {"url": "http://127.0.0.1:9/v1", "model": "m"}}


def labelled(request: str, requested_at: int = 0, **given: Any) -> Label:
    fields: dict[str, Any] = {"label": "no", "source": "teacher", "reason": Reason.LOW_SCORE} | given
    return Label(id=request, task="t", requested_at=requested_at, labelled_at=1, **fields)


async def asked(gateway: RunningGateway, number: int = 1) -> int:
    """When the deferral was asked that is written last."""
    deferrals = await gateway.produced(TOPICS.deferrals, number)
    return DEFERRAL.decode(deferrals[-1].value).requested_at


async def test_the_surrogate_answers_with_its_label() -> None:
    async with running(ScriptedPolicy()) as gateway:
        answer = await gateway.classify(id="r/1", metadata={"a": "b"}, headers={"traceparent": "00-1-2-01"})
        (record,) = gateway.broker.produced
        assert gateway.answers == {"t": 1}
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    label = LABEL.decode(answer.content)
    assert (label.id, label.label, label.source, label.metadata) == ("r/1", "yes", "surrogate", {"a": "b"})
    assert (record.topic, record.key, record.value) == (TOPICS.labels, b"r/1", answer.content)
    assert record.headers == [("traceparent", b"00-1-2-01")]
    said = {name: answer.headers[f"x-understudy-{name}"] for name in ("source", "reason", "task", "policy")}
    assert said == {"source": "surrogate", "reason": "accepted", "task": "t", "policy": "v1"}
    assert answer.headers["x-understudy-decision-id"] == "r%2F1"
    assert answer.headers["x-understudy-certified"] == "false"
    assert "x-understudy-score" not in answer.headers


async def test_an_easy_text_is_answered_while_the_encoder_hangs() -> None:
    embedder, spec = Held(), f"text>{SPEC}"
    policy = ScriptedPolicy(embedder=spec, dimension=3, encoder=embedder.id)
    async with running(policy, config={"embedder": spec}) as gateway:
        gateway.tasks.set_encoder(EncoderSpec(SPEC), embedder)
        hard = asyncio.create_task(gateway.classify(UNSURE, id="hard"))
        await happens(embedder.is_asked.is_set)
        easy = await gateway.classify(YES)
        assert (LABEL.decode(easy.content).source, hard.done()) == ("surrogate", False)
        embedder.is_released.set()
        (record,) = await gateway.produced(TOPICS.deferrals)
        deferral = DEFERRAL.decode(record.value)
        assert (deferral.reason, deferral.encoder) == (Reason.LOW_SCORE, embedder.id)
        gateway.recent.keep(labelled("hard", deferral.requested_at))
        assert LABEL.decode((await hard).content).source == "teacher"


async def test_details_need_the_debug_header() -> None:
    async with running(ScriptedPolicy()) as gateway:
        gateway.tasks.set_certified("t", "v1")
        answer = await gateway.classify(headers={"x-understudy-debug": "1", "x-request-id": "mine"})
    assert answer.headers["x-understudy-score"] == "0.9"
    assert answer.headers["x-understudy-threshold"] == "0.7"
    assert answer.headers["x-understudy-certified"] == "true"
    assert answer.headers["x-request-id"] == "mine"


async def test_records_are_those_of_the_route_role() -> None:
    """The same ids give the same answers, deferrals and audits, but for the times."""
    texts = [YES, UNSURE, "no 0.8 0.2", "no 0.9 0.9"] * 25
    asked = [Request(f"r{number}", "t", text) for number, text in enumerate(texts)]
    async with running(ScriptedPolicy(), config={"audit_rate": 0.3}) as gateway:
        await asyncio.gather(
            *(gateway.classify(one.text, id=one.id, timeout=0.001) for one in asked if one.text)
        )
        tasks, http = gateway.tasks, list(gateway.broker.produced)
    role = RouteRole(tasks, TOPICS, Sampler(b"key"))
    kafka = flat(
        await role.route_batch([message(one, key=one.id.encode(), headers=[]) for one in asked], 2000)
    )
    assert len(kafka) > 100

    def timeless(outputs: Iterable[Outgoing]) -> list[Any]:
        found = []
        for out in outputs:
            fields = json.loads(out.value)
            found.append((out.topic, out.key, {k: v for k, v in fields.items() if not k.endswith("_at")}))
        return sorted(found, key=repr)

    assert timeless(http) == timeless(kafka)


async def test_a_deferred_request_waits_for_its_label() -> None:
    async with running(ScriptedPolicy()) as gateway:
        call = asyncio.create_task(gateway.classify(UNSURE, id="r"))
        (record,) = await gateway.produced(TOPICS.deferrals)
        assert DEFERRAL.decode(record.value).reason is Reason.LOW_SCORE
        gateway.recent.keep(labelled("other"))
        gateway.recent.keep(labelled("r"))
        answer = await call
    assert (answer.status_code, answer.json()["label"]) == (200, "no")
    assert answer.headers["x-understudy-source"] == "teacher"
    assert answer.headers["x-understudy-reason"] == "low_score"


async def test_a_late_label_is_found_under_its_id() -> None:
    async with running(ScriptedPolicy()) as gateway:
        unknown = await gateway.http.get("/v1/labels/r/1?task=t")
        late = await gateway.classify(UNSURE, id="r/1", timeout=0.01)
        pending = await gateway.http.get(late.headers["location"])
        gateway.recent.keep(labelled("r/1"))
        found = await gateway.http.get(late.headers["location"])
    assert (unknown.status_code, late.status_code, pending.status_code) == (404, 504, 202)
    assert late.headers["content-type"] == "application/problem+json"
    assert (late.json()["type"], late.json()["id"]) == ("urn:understudy:problem:timeout", "r/1")
    assert (found.status_code, found.json()["label"]) == (200, "no")


async def test_a_repeated_id_has_the_same_label() -> None:
    async with running(ScriptedPolicy()) as gateway:
        first, again, other = [
            await gateway.classify(text, headers={"idempotency-key": "k"}, id="body")
            for text in (YES, YES, UNSURE)
        ]
        assert len(gateway.broker.labels) == 1
    assert first.json()["id"] == "k"
    assert again.content == first.content
    assert again.headers["x-understudy-replayed"] == "true"
    assert (other.status_code, other.json()["type"]) == (422, "urn:understudy:problem:id_reused")


async def test_repeated_calls_at_once_are_asked_once() -> None:
    async with running(ScriptedPolicy()) as gateway:
        calls = [asyncio.create_task(gateway.classify(UNSURE, id="r")) for _ in range(3)]
        await gateway.produced(TOPICS.deferrals)
        await until(lambda: gateway.recent.find("t", "r").waiters == 3)
        calls[0].cancel()
        await until(lambda: gateway.recent.find("t", "r").waiters == 2)
        gateway.recent.keep(labelled("r"))
        answers = await asyncio.gather(*calls[1:])
        assert len(gateway.broker.produced) == 1
    assert [answer.json()["label"] for answer in answers] == ["no", "no"]


async def test_a_call_after_a_timeout_joins_the_one_that_is_asked() -> None:
    async with running(ScriptedPolicy()) as gateway:
        late = [await gateway.classify(UNSURE, id="r", timeout=0.01) for _ in range(2)]
        again = asyncio.create_task(gateway.classify(UNSURE, id="r"))
        await until(lambda: gateway.recent.find("t", "r").waiters == 1)
        gateway.recent.keep(labelled("r"))
        assert (await again).json()["label"] == "no"
        assert len(gateway.broker.produced) == 1, "the teacher is asked once"
    assert [one.status_code for one in late] == [504, 504]


async def test_an_error_of_this_attempt_is_a_bad_gateway() -> None:
    error = {"label": None, "source": "error", "error": "the model said nothing"}
    async with running(ScriptedPolicy()) as gateway:
        call = asyncio.create_task(gateway.classify(UNSURE, id="r"))
        at = await asked(gateway)
        gateway.recent.keep(labelled("r", at - 1, **error))
        gateway.recent.keep(labelled("r", at, **error))
        failed = await call
        again = asyncio.create_task(gateway.classify(UNSURE, id="r"))
        await asked(gateway, 2)
        gateway.recent.keep(labelled("r", at, supersedes=True))
        assert (await again).json()["label"] == "no"
    assert (failed.status_code, failed.json()["detail"]) == (502, "the model said nothing")
    assert failed.json()["label"]["source"] == "error"


async def test_an_answer_waits_for_the_broker_if_told_to() -> None:
    async with running(ScriptedPolicy(), ack="kafka", config={"audit_rate": 1.0}) as gateway:
        gateway.broker.holds = True
        call = asyncio.create_task(gateway.classify())
        await gateway.produced(TOPICS.audits)
        done, _ = await asyncio.wait({call}, timeout=0.05)
        assert not done, "not acknowledged yet"
        gateway.broker.holds = False
        assert (await call).status_code == 200
        gateway.broker.error = KafkaError(KafkaError._MSG_TIMED_OUT)
        refused = await gateway.classify(id="again")
        deferred = await gateway.classify(UNSURE)
    assert (refused.status_code, deferred.status_code) == (503, 503)
    assert "retry-after" in refused.headers


@pytest.mark.parametrize("away", [{"stalled": True}, {"topics_are_read": False}], ids=str)
async def test_nothing_is_answered_while_kafka_is_away(away: dict[str, bool]) -> None:
    async with running(ScriptedPolicy()) as gateway:
        for name, value in away.items():
            setattr(gateway, name, value)
        refused = await gateway.classify()
        gateway.tasks.configure("t", TEACHER)
        forwarded = await gateway.classify(id="r")
        gateway.teacher.outcome = TryLater("too many calls", FailureKind.RATE_LIMITED, 7.0)
        busy = await gateway.classify()
        (reply,) = gateway.broker.replies
        assert gateway.broker.labels == []
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:understudy:problem:unavailable")
    assert (forwarded.status_code, forwarded.json()["label"]) == (200, "no")
    assert forwarded.headers["x-understudy-reason"] == "unavailable"
    assert (reply.label, reply.deferral.reason, reply.deferral.sampled) == ("no", Reason.UNAVAILABLE, False)
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize("text", [YES, UNSURE])
async def test_who_waits_for_kafka_in_vain_is_answered_by_the_teacher(text: str) -> None:
    async with running(ScriptedPolicy(), ack="kafka", config=TEACHER) as gateway:
        gateway.broker.holds = True
        call = asyncio.create_task(gateway.classify(text))
        await until(lambda: bool(gateway.broker.produced))
        gateway.sender.fail_waiting()
        answer = await call
        gateway.broker.holds = False
    assert (answer.status_code, answer.json()["label"], answer.json()["source"]) == (200, "no", "teacher")


async def test_calls_from_here_wait_for_their_turn() -> None:
    config = {"teacher": {**TEACHER["teacher"], "concurrency": 1}}
    async with running(ScriptedPolicy(), config=config) as gateway:
        gateway.stalled = True
        gateway.teacher.hangs = asyncio.Event()
        calls = [asyncio.create_task(gateway.classify())]
        await until(lambda: bool(gateway.teacher.asked))
        calls += [asyncio.create_task(gateway.classify()) for _ in range(2)]
        late = await gateway.classify(timeout=0.05)
        assert len(gateway.teacher.asked) == 1
        gateway.teacher.hangs.set()
        answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert (late.status_code, len(gateway.teacher.asked)) == (503, 3)


async def test_calls_from_here_are_admitted_too() -> None:
    async with running(ScriptedPolicy(), config=TEACHER) as gateway:
        gateway.stalled, gateway.budget.left = True, 1
        first, second = await gateway.classify(), await gateway.classify()
        assert gateway.budget.recorded == [("t", "requests", 1)]
        assert (gateway.budget.ended, len(gateway.teacher.asked)) == (["t:1"], 1)
    assert (first.status_code, second.status_code) == (200, 503)
    assert "calls_per_day" in second.json()["detail"]
    assert 1 <= int(second.headers["retry-after"]) <= 3600, "until the day ends, not until another look"


async def test_an_error_for_want_of_a_budget_says_when_to_try_again() -> None:
    error = {"label": None, "source": "error", "error": "a limit is reached", "reason": Reason.BUDGET}
    async with running(ScriptedPolicy()) as gateway:
        call = asyncio.create_task(gateway.classify(UNSURE, id="r"))
        gateway.recent.keep(labelled("r", await asked(gateway), **error))
        refused = await call
    assert (refused.status_code, refused.json()["label"]["reason"]) == (503, "budget")
    assert 1 <= int(refused.headers["retry-after"]) <= 3600


@pytest.mark.parametrize(("left", "seconds"), [(7_200.0, 3_600.0), (90.5, 90.5), (0.001, 0.001)])
def test_a_day_ends_at_midnight(left: float, seconds: float) -> None:
    day = 86_400_000
    assert seconds_to_new_day(20_000 * day - round(left * 1000)) == seconds


async def test_without_redis_deferrals_are_asked_from_here() -> None:
    """What learns needs Redis; what answers does not."""
    async with running(ScriptedPolicy(), config=TEACHER) as gateway:
        gateway.redis_answers = False
        sure, unsure = await gateway.classify(YES), await gateway.classify(UNSURE)
        (reply,) = gateway.broker.replies
        assert gateway.broker.to(TOPICS.deferrals) == []
    assert (sure.json()["label"], unsure.json()["label"]) == ("yes", "no")
    assert reply.deferral.reason is Reason.LOW_SCORE


async def test_a_batch_has_a_result_for_each_request() -> None:
    items = [{"text": YES, "id": "a"}, {"text": UNSURE, "id": "b"}, {"id": "c"}]
    async with running(ScriptedPolicy()) as gateway:
        body = {"task": "t", "requests": items, "timeout": 0.01}
        answer = await gateway.http.post("/v1/classify/batch", json=body)
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [200, 504, 400]
    assert results[0]["label"]["label"] == "yes"
    assert results[1]["problem"]["id"] == "b"


async def test_a_row_is_decided_alone() -> None:
    """A request that its embedder can't use, and a policy that fails, spoil no neighbour's answer."""
    async with running(ScriptedPolicy()) as gateway:
        sure, vector = await asyncio.gather(
            gateway.classify(YES), gateway.http.post("/v1/classify", json={"task": "t", "embedding": [1.0]})
        )
    assert (sure.status_code, vector.status_code) == (200, 422)
    assert "classified by its text" in vector.json()["detail"]


async def test_long_texts_are_decided_too() -> None:
    async with running(ScriptedPolicy()) as gateway:
        answer = await gateway.classify(f"yes 0.9 0.1{' ' * 2_000}")
    assert answer.json()["label"] == "yes"


async def test_texts_are_masked_before_all_else() -> None:
    def mask(text: str) -> str:
        if "secret" in text:
            raise ValueError(text)
        return text.replace("card", "yes")

    async with running(ScriptedPolicy(), mask=mask, config={"audit_rate": 1.0}) as gateway:
        masked = await gateway.classify("card 0.9 0.1")
        failed = await gateway.classify("secret 0.9 0.1")
        (copy,) = gateway.broker.to(TOPICS.audits)
    assert masked.json()["label"] == "yes"
    assert DEFERRAL.decode(copy.value).request.text == "yes 0.9 0.1"
    assert failed.status_code == 422
    assert "secret" not in failed.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"task": "t"}', b'{"task": "../x", "text": "a"}', b'{"task": "t", "text": 5}']
)
async def test_what_is_no_request_is_named(body: bytes) -> None:
    async with running(ScriptedPolicy()) as gateway:
        answer = await gateway.http.post(
            "/v1/classify", content=body, headers={"content-type": "application/json"}
        )
        assert gateway.broker.produced == []
    assert answer.status_code == 400
    assert msgspec.json.decode(answer.content)["type"] == "urn:understudy:problem:invalid"
