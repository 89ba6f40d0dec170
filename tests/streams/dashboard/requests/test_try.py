"""A text that is tried is decided as a request would be, says why, and leaves no trace."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.chat import Mode
from schemas.config import parse_override
from schemas.messages import Reason, Request
from streams.gateway.keys import create_key
from streams.tasks import CandidatePolicy
from streams.versions.breaker_state import Breaker, Safeguards
from tests.streams.dashboard.asked import NOVEL, UNSURE, YES, Asked, ScriptedVersions
from tests.streams.fakes import ScriptedEmbedder, ScriptedPolicy

FRONTIER = ScriptedPolicy().manifest.frontier
TRY = "/dashboard/read/try/t"


def asked(**given: Any) -> Asked:
    made = Asked(**given)
    made.tasks.set_policy("t", ScriptedPolicy())
    return made


async def tried(made: Asked, text: str, **other: Any) -> Any:
    async with made.running() as client:
        answer = await client.post(TRY, json={"text": text} | other)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def test_an_answer_says_score_threshold_novelty_and_how_often_it_is_checked() -> None:
    found = await tried(asked(), YES)
    live = found["live"]
    assert (live["version"], live["label"], live["answered"], live["reason"]) == (
        "v1",
        "yes",
        True,
        "accepted",
    )
    assert (round(live["score"], 6), live["threshold"], round(live["novelty"], 6)) == (0.9, 0.7, 0.1)
    assert live["novelty_limit"] == 0.5
    assert live["sentence"] == "Answered: the score 0.9000 is at or above the threshold 0.7000."
    assert found["audit"].startswith("5.0% of the requests are checked")
    assert found["candidate"] is None


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        (UNSURE, Reason.LOW_SCORE, "the score 0.1000 is below the threshold 0.7000"),
        (NOVEL, Reason.NOVEL, "unlike anything learned"),
    ],
)
async def test_a_deferral_says_why(text: str, reason: Reason, said: str) -> None:
    found = await tried(asked(), text)
    assert (found["live"]["answered"], found["live"]["reason"], found["audit"]) == (False, reason, "")
    assert found["live"]["sentence"].startswith("Deferred to the teacher: ")
    assert said in found["live"]["sentence"]


async def test_what_stops_the_task_is_said_with_the_guess_beside_it() -> None:
    made = asked()
    made.tasks.set_safeguards("t", Safeguards(Breaker(open=True, since=5)))
    live = (await tried(made, YES))["live"]
    assert (live["reason"], live["label"]) == ("breaker_open", "yes")
    made.tasks.configure("t", parse_override(b'{"paused": true}'))
    assert (await tried(made, YES))["live"]["reason"] == "operator"


async def test_without_a_policy_the_teacher_answers() -> None:
    live = (await tried(Asked(), YES))["live"]
    assert (live["version"], live["answered"], live["reason"], live["label"]) == (
        None,
        False,
        "no_policy",
        None,
    )


async def test_a_version_on_trial_and_one_of_then_are_asked_beside_the_live_one() -> None:
    lower = ScriptedPolicy(version="v0", frontier=(replace(FRONTIER[1], threshold=0.05),))
    made = asked(versions=ScriptedVersions(lower, ScriptedPolicy(version="broken")))
    made.tasks.set_candidate("t", CandidatePolicy(ScriptedPolicy(version="v2", frontier=()), 0.5))
    found = await tried(made, UNSURE, version="v0")
    assert (found["live"]["version"], found["live"]["reason"]) == ("v1", "low_score")
    assert (found["candidate"]["version"], found["candidate"]["reason"]) == ("v2", "uncertified")
    assert (found["other"]["version"], found["other"]["answered"]) == ("v0", True)
    made.versions.blocked["v0"] = frozenset({"yes"})
    assert (await tried(made, UNSURE, version="v0"))["other"]["reason"] == "blocked_label"
    for version, said in (("v9", "not kept any more"), ("broken", "graph: changed")):
        found = await tried(made, UNSURE, version=version)
        assert found["other"] is None
        assert said in found["notes"][0]


async def test_a_text_is_scored_as_the_mask_leaves_it() -> None:
    def mask(request: Request) -> Request:
        return replace(request, text=(request.text or "").replace("4111", "0.9"))

    found = await tried(asked(mask=mask), "yes 4111 0.1")
    assert (found["masked"], found["live"]["answered"]) == ("yes 0.9 0.1", True)


@pytest.mark.parametrize("text", [YES, UNSURE, "broken"])
async def test_an_encoder_of_the_gateway_makes_the_vector(text: str) -> None:
    made, embedder = Asked(), ScriptedEmbedder()
    made.tasks.configure("t", parse_override(b'{"embedder": "onnx:x", "target_agreement": 0.95}'))
    made.tasks.set_policy("t", ScriptedPolicy(embedder="onnx:x", dimension=3, encoder=embedder.id))
    (spec,) = (one for one in made.tasks.encoder_specs() if one.vectors == "onnx:x")
    made.tasks.set_encoder(spec, embedder)
    live = (await tried(made, text))["live"]
    assert embedder.texts == [text]
    assert live["answered"] is (text == YES)
    assert (live["reason"] == "uncertified") is (text == "broken")


async def test_only_a_key_that_may_have_answers_tries() -> None:
    tokens, keys = {}, {}
    asking: tuple[tuple[str, str, Mode], ...] = (
        ("a", "t", "serve"),
        ("b", "t", "shadow"),
        ("c", "other", "serve"),
    )
    for name, task, mode in asking:
        tokens[name], key = create_key(name, (task,), mode, 1)
        keys[key.id] = key
    async with asked(keys=keys).running() as client:
        told = {}
        for name, token in {**tokens, "nobody": "wrong"}.items():
            headers = {"x-understudy-key": token}
            told[name] = (await client.post(TRY, json={"text": YES}, headers=headers)).status_code
        assert told == {"a": 200, "b": 403, "c": 403, "nobody": 401}


@pytest.mark.parametrize("name", ["nothing", "%2e%2e", "a%2fb", "<img src=x>"])
async def test_a_task_that_is_not_there_is_not_found(name: str) -> None:
    async with asked().running() as client:
        answer = await client.post(f"/dashboard/read/try/{name}", json={"text": YES})
        assert (answer.status_code, "task" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"text": 3}, 400), ({"embedding": [1.0]}, 422), ({"text": "x" * 1_100_000}, 413)],
)
async def test_what_can_not_be_tried_is_refused_in_words(body: Any, status: int) -> None:
    async with asked().running() as client:
        answer = await client.post(TRY, json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]
        plain = await client.post(TRY, content=b'{"text": "x"}', headers={"content-type": "text/plain"})
        assert plain.status_code == 415, "a page of another site can't send this"


async def test_an_outage_of_redis_is_said_without_its_password() -> None:
    made = asked()
    made.versions.is_away = True
    async with made.running() as client:
        answer = await client.post(TRY, json={"text": YES, "version": "v0"})
    assert (answer.status_code, "Redis is away" in answer.text, "secret" in answer.text) == (503, True, False)
    assert (await tried(made, YES))["live"]["answered"], "without a version of then it is not asked"
