"""Of a request is said what became of it, why, and what would become of it now; and where else to look."""

from typing import Any

import pytest

from schemas.config import TeacherConfig, parse_override
from schemas.messages import Label, Reason
from streams.gateway.keys import create_key
from streams.privacy.forgotten import forgotten_request
from tests.streams.dashboard.asked import UNSURE, YES, Asked, ScriptedTraces, ScriptedVersions, trace
from tests.streams.fakes import ScriptedPolicy

PATH = "/dashboard/read/request/t"


def asked(**given: Any) -> Asked:
    made = Asked(**given)
    made.tasks.set_policy("t", ScriptedPolicy())
    return made


def label(**given: Any) -> Label:
    """Of a request that was deferred for its score."""
    fields: dict[str, Any] = {
        "task": "t",
        "label": "no",
        "source": "teacher",
        "reason": Reason.LOW_SCORE,
        "requested_at": 1_000,
        "labelled_at": 3_000,
        "score": 0.1,
        "threshold": 0.7,
        "policy": "v1",
    }
    return Label(id="r", **(fields | given))


async def explained(made: Asked, status: int = 200, **body: Any) -> Any:
    async with made.running() as client:
        answer = await client.post(PATH, json={"id": "r"} | body)
        assert answer.status_code == status, answer.text
        return answer.json()


async def test_a_deferral_is_explained_from_its_label_alone() -> None:
    made = asked()
    made.recent.keep(label())
    found = await explained(made)
    why = "the score 0.1000 is below the threshold 0.7000"
    assert found["sentence"] == f"It was deferred, since {why}; the teacher's label is 'no'."
    assert (found["said"], found["label"], found["at"], found["now"]) == ("labelled", "no", 3_000, None)
    assert (found["then"]["label"], found["then"]["score"]) == (None, 0.1), "the guess is not in a label"
    assert made.traces.looks == 0, "no topic is read"


async def test_an_answer_and_an_error_are_explained() -> None:
    made = asked()
    made.recent.keep(label(source="surrogate", label="yes", reason=Reason.ACCEPTED, score=0.9, audited=True))
    found = await explained(made)
    assert found["sentence"].startswith("v1 answered it with 'yes', since the score 0.9000 is at or above")
    assert found["sentence"].endswith("; the teacher checks it.")
    failed = asked()
    failed.recent.keep(label(source="error", label=None, error="HTTP 401 of https://me:secret@llm.example"))
    found = await explained(failed)
    assert (found["said"], found["label"]) == ("failed", None)
    assert "the teacher gave no label: HTTP 401" in found["sentence"]
    assert "secret" not in found["sentence"]


async def test_with_its_text_it_is_scored_again_and_the_difference_explained() -> None:
    made = asked(versions=ScriptedVersions(ScriptedPolicy()))
    made.recent.keep(label())
    found = await explained(made, text=UNSURE)
    assert (found["now"]["answered"], found["difference"]) == (
        False,
        "Nothing has changed: v1 decides it as it did.",
    )
    assert found["advice"] == []
    made.tasks.configure("t", parse_override(b'{"threshold": 0.05}'))
    found = await explained(made, text=UNSURE)
    assert found["difference"].startswith("The threshold of v1 was 0.7000 and is 0.0500: it was deferred")
    assert found["difference"].endswith("at or above the threshold 0.0500.")


async def test_another_text_than_that_of_then_is_doubted() -> None:
    made = asked(versions=ScriptedVersions(ScriptedPolicy()))
    made.recent.keep(label())
    (advice,) = (await explained(made, text=YES))["advice"]
    assert advice[0].startswith("v1 gives this text a score of 0.9000, and it was 0.1000 then")


async def test_another_version_may_decide_otherwise() -> None:
    made = asked()
    made.tasks.set_policy("t", ScriptedPolicy(version="v2"))
    made.recent.keep(label())
    difference = (await explained(made, text=YES))["difference"]
    assert difference.startswith("v1 decided it then, and v2 does now: it was deferred, since ")
    assert "now it would be answered with 'yes'" in difference


async def test_its_text_is_looked_for_among_the_newest_traces() -> None:
    old = trace("r", "no", audit=False, text=UNSURE, threshold=0.7)
    made = asked(traces=ScriptedTraces([trace("other", "yes"), old, b"no trace"]))
    found = await explained(made, search=True)
    assert (found["text"], found["teacher"], found["label"]) == (UNSURE, "no", "no")
    assert (found["then"]["reason"], found["then"]["label"]) == ("low_score", "yes")
    assert found["now"]["reason"] == "low_score"
    audited = asked(traces=ScriptedTraces([trace("r", "no")]))
    found = await explained(audited, search=True)
    assert (found["then"]["answered"], found["label"], found["teacher"]) == (True, "yes", "no")


async def test_what_is_forgotten_is_not_found() -> None:
    made = asked(traces=ScriptedTraces([trace("r", "no")]))
    made.forgotten.add(forgotten_request("t", "r", 5_000))
    assert (await explained(made, search=True))["said"] == "unknown"


async def test_of_an_unknown_request_is_said_where_to_look() -> None:
    found = await explained(asked(), id="it's; rm -rf", search=True)
    assert found["said"] == "unknown"
    commands = [command for _, command in found["advice"]]
    assert commands[0].endswith("""grep -F -- 'it'"'"'s; rm -rf'""")
    assert commands[1] == "understudy dead-letters list --task t"
    assert commands[2].startswith("understudy consume traces")


async def test_a_request_that_waits_is_pending() -> None:
    made = asked()
    made.recent.ask("t", "r", 1, 1 << 53, 0)
    found = await explained(made)
    assert (found["said"], found["sentence"]) == ("pending", "It waits for the teacher's label.")


async def test_traces_are_read_once_for_several_questions_and_not_while_kafka_is_away() -> None:
    made = asked(traces=ScriptedTraces([trace("r", "no")]))
    async with made.running() as client:
        for _ in range(3):
            assert (await client.post(PATH, json={"id": "r", "search": True})).status_code == 200
    assert made.traces.looks == 1
    away = asked(traces=ScriptedTraces(is_away=True))
    problem = await explained(away, 503, search=True)
    assert problem["detail"] == "the newest traces can't be read now: Kafka does not answer"


async def test_alike_traces_are_read_by_those_who_may() -> None:
    keys = [create_key(name, ("t",), "serve", 1, operate=name == "ann") for name in ("app", "ann")]
    made = asked(keys={key.id: key for _, key in keys}, traces=ScriptedTraces([trace("r", "no")]))
    async with made.running() as client:
        told = [
            await client.post(
                "/dashboard/read/alike/t", json={"text": YES}, headers={"x-understudy-key": token}
            )
            for token, _ in keys
        ]
    assert [answer.status_code for answer in told] == [403, 200]
    assert [one["teacher"] for one in told[1].json()["alike"]] == ["no"]


async def test_texts_of_others_are_not_for_an_apps_key() -> None:
    keys = [create_key(name, ("t",), "serve", 1, operate=name == "ann") for name in ("app", "ann")]
    made = asked(keys={key.id: key for _, key in keys}, traces=ScriptedTraces([trace("r", "no")]))
    async with made.running() as client:
        told = [
            (
                await client.post(
                    PATH, json={"id": "r", "search": search}, headers={"x-understudy-key": token}
                )
            ).status_code
            for token, _ in keys
            for search in (False, True)
        ]
    assert told == [200, 403, 200, 200]
    assert made.traces.looks == 1


@pytest.mark.parametrize("renamed", [{}, {"yes": "certainly"}])
async def test_labels_have_their_names_of_today(renamed: dict[str, str]) -> None:
    made = asked(traces=ScriptedTraces([trace("r", "yes")]))
    found = await made.newest.of_task("t", TeacherConfig(labels_renamed=renamed))
    assert [one.label for one in found.traces] == [renamed.get("yes", "yes")]
