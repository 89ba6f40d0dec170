"""Feedback over HTTP is joined to the answer that the client got, and is in Kafka before the call ends."""

from typing import Any

from confluent_kafka import KafkaError

from schemas.codec import FEEDBACK
from schemas.messages import Feedback
from streams.gateway.keys import create_key
from streams.privacy.forgotten import forgotten_request
from tests.streams.fakes import TOPICS, ScriptedPolicy
from tests.streams.gateway.harness import UNSURE, YES, RunningGateway, running
from tests.streams.gateway.scripted_llm import scripted_llm

LISTED: dict[str, Any] = {"teacher": {"labels": ["yes", "no"], "labels_renamed": {"nope": "no"}}}


async def give(gateway: RunningGateway, path: str = "/v1/feedback", **body: Any) -> Any:
    return await gateway.http.post(path, json={"task": "t"} | body)


def written(gateway: RunningGateway) -> list[Feedback]:
    return [FEEDBACK.decode(out.value) for out in gateway.broker.to(TOPICS.feedback)]


async def test_a_truth_is_kept_beside_the_answer() -> None:
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        answered = await gateway.classify(YES, id="a b/ü")
        first = await give(gateway, id="a b/ü", label="no")
        same = await give(gateway, decision_id=answered.headers["x-understudy-decision-id"], label="yes")
        renamed = await give(gateway, id="a b/ü", label="nope")
    assert [one.status_code for one in (first, same, renamed)] == [200] * 3
    assert [one.ground_truth for one in written(gateway)] == ["no", "yes", "nope"]
    assert {(one.id, one.answered, one.source) for one in written(gateway)} == {("a b/ü", "yes", "surrogate")}
    assert len({out.key for out in gateway.broker.to(TOPICS.feedback)}) == 1
    assert first.json()["ground_truth"] == "no"


async def test_a_truth_of_what_the_llm_said_to_an_app_is_taken_at_once() -> None:
    async with scripted_llm() as llm:
        teacher = LISTED["teacher"] | {"url": llm.url, "model": "small"}
        config = {"teacher": teacher, "chat": {"mode": "serve", "prompts": ["*"]}, "audit_rate": 1.0}
        async with running(ScriptedPolicy(), config=config) as gateway:
            given = []
            for text, said in ((UNSURE, "no"), (UNSURE, "Well, it depends."), (YES, "no")):
                llm.says(said)
                body = {"model": "understudy/t", "messages": [{"role": "user", "content": text}]}
                answer = await gateway.http.post("/v1/chat/completions", json=body)
                decision = answer.headers["x-understudy-decision-id"]
                given.append(await give(gateway, decision_id=decision, label="no"))
            await gateway.produced(TOPICS.replies, 2)
            again = await give(gateway, decision_id=decision, label="yes")
    assert [one.status_code for one in (*given, again)] == [200, 404, 200, 200], (
        "no label was read of the second"
    )
    joined = [(one.answered, one.source, one.ground_truth) for one in written(gateway)]
    surrogate = [("yes", "surrogate", "no"), ("yes", "surrogate", "yes")]
    assert joined == [("no", "teacher", "no"), *surrogate], "a check of an answer is not the answer"


async def test_what_can_be_joined_to_nothing_is_refused() -> None:
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        await gateway.classify(YES, id="known")
        answers = {
            404: await give(gateway, id="strange", label="yes"),
            422: await give(gateway, id="known", label="Yes"),
            400: await give(gateway, id="known", decision_id="known", label="yes"),
        }
        meant = await give(gateway, id="known", label="other", new_label=True)
        spaced = await give(gateway, id="known", label=" yes", new_label=True)
        label = gateway.recent.find("t", "known").label
        gateway.forgotten.add(forgotten_request("t", "known", label.requested_at))
        forgotten = await give(gateway, id="known", label="yes")
    assert {expected: one.status_code for expected, one in answers.items()} == {one: one for one in answers}
    assert "none of `teacher.labels` (yes, no)" in answers[422].json()["detail"]
    assert (meant.status_code, spaced.status_code, forgotten.status_code) == (200, 422, 404)
    assert [one.ground_truth for one in written(gateway)] == ["other"]


async def test_a_batch_says_what_became_of_each() -> None:
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        await gateway.classify(YES, id="1")
        await gateway.classify(YES, id="2")
        items = [{"id": name, "label": "no"} for name in ("1", "strange", "2")]
        answer = await give(gateway, "/v1/feedback/batch", feedback=items)
        empty = await give(gateway, "/v1/feedback/batch", feedback=[])
    assert [one["status"] for one in answer.json()["results"]] == [200, 404, 200]
    assert [one.id for one in written(gateway)] == ["1", "2"]
    assert empty.status_code == 400


async def test_feedback_that_kafka_has_not_taken_is_to_be_sent_again() -> None:
    async with running(ScriptedPolicy()) as gateway:
        await gateway.classify(YES, id="1")
        gateway.broker.error = KafkaError(KafkaError._MSG_TIMED_OUT)
        failed = await give(gateway, id="1", label="no")
        gateway.broker.error = None
        gateway.stalled = True
        away = await give(gateway, id="1", label="no")
    assert (failed.status_code, away.status_code) == (503, 503)
    assert "retry-after" in failed.headers


async def test_a_key_gives_feedback_on_its_own_tasks_in_any_mode() -> None:
    async with running(ScriptedPolicy()) as gateway:
        await gateway.classify(YES, id="1")
        token, kept = create_key("app", ["t"], "record", 1)
        gateway.keys = {kept.id: kept}
        headers = {"authorization": f"Bearer {token}"}
        body = {"id": "1", "label": "no"}
        own = await gateway.http.post("/v1/feedback", json=body, headers=headers)
        other = await gateway.http.post("/v1/feedback", json={"task": "u", **body}, headers=headers)
        nobody = await gateway.http.post("/v1/feedback", json={"task": "t", **body})
    assert (own.status_code, other.status_code, nobody.status_code) == (200, 403, 401)
