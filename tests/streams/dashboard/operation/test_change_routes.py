"""A task is changed by who may, as it was shown, with a reason; and nothing else changes it."""

import asyncio
from typing import Any

import httpx2
import pytest

from models.artifact import Artifact
from schemas.events import ConfigChangedDetails, EventKind, PinnedDetails, RollbackDetails
from schemas.redis_keys import Keys
from streams.changes.author import ChangeAuthor
from streams.changes.config_change import config_change, made_change
from streams.gateway.keys import create_key
from streams.gateway.operator_check import CHANGE_HEADER
from tests.streams.dashboard.operated import CONFIG, TASK, Operated, operated

CHANGE = {CHANGE_HEADER: "test"}
TARGET = {"what": "config", "fields": {"target_agreement": 0.97}}
NEVER_YES = {"what": "config", "fields": {"never_answer": ["yes"]}}
UNSET = {"what": "config", "unset": ["label_floor"]}
WISHES: tuple[dict[str, Any], ...] = (
    TARGET,
    {"what": "config", "fields": {"paused": True}},
    NEVER_YES,
    UNSET,
    {"what": "promote", "version": "v1"},
    {"what": "rollback"},
    {"what": "pin"},
)


class Person:
    """Who looks at a task and changes it."""

    def __init__(self, place: Operated, client: httpx2.AsyncClient, **headers: str) -> None:
        self._url = place.url
        self._client = client
        self._headers = {CHANGE_HEADER: "test"} | headers

    async def look(self, task: str = TASK) -> httpx2.Response:
        return await self._client.get(f"{self._url}/dashboard/read/changes/{task}", headers=self._headers)

    async def preview(self, wish: dict[str, Any], task: str = TASK) -> httpx2.Response:
        place = f"{self._url}/dashboard/change/preview/{task}"
        return await self._client.post(place, json={"wish": wish}, headers=self._headers)

    async def apply(self, wish: dict[str, Any], seen: str, reason: str = "since") -> httpx2.Response:
        body = {"wish": wish, "seen": seen, "reason": reason}
        place = f"{self._url}/dashboard/change/apply/{TASK}"
        return await self._client.post(place, json=body, headers=self._headers)

    async def change(self, wish: dict[str, Any], reason: str = "since") -> dict[str, Any]:
        """What is made once it was shown."""
        shown = await self.preview(wish)
        assert shown.status_code == 200, shown.text
        made = await self.apply(wish, shown.json()["seen"], reason)
        assert made.status_code == 200, made.text
        assert made.json()["diff"] == shown.json()["diff"]
        return dict(made.json())


async def test_a_target_is_shown_changed_told_and_undone(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        shown = (await person.preview(TARGET)).json()
        assert shown["diff"] == [{"name": "target_agreement", "before": "0.95", "after": "0.97"}]
        assert place.kafka.written == [], "a preview changes nothing"
        made = await person.change(TARGET, "month's end")
        assert place.tasks.task(TASK).config.target_agreement == 0.97
        assert place.tasks.overrides[TASK] == CONFIG | {"target_agreement": 0.97}
        [event] = place.kafka.events
        assert ConfigChangedDetails.of(event) == ConfigChangedDetails(
            "this machine", "month's end", {"target_agreement": 0.95}, {"target_agreement": 0.97}
        )
        page = (await person.look()).json()
        assert next(one["value"] for one in page["fields"] if one["name"] == "target_agreement") == 0.97
        assert [(row["change"]["by"], row["change"]["reason"]) for row in page["changes"]] == [
            ("this machine", "month's end")
        ]
        await person.change(made["undo"], "undo: month's end")
        assert place.tasks.overrides[TASK] == CONFIG
        assert len((await person.look()).json()["changes"]) == len(place.kafka.events) == 2


async def test_a_value_is_set_to_null_and_back(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        for value in (0.5, None, 1, 0.25):
            await person.change({"what": "config", "fields": {"threshold": value}})
            assert place.tasks.task(TASK).config.threshold == value
        made = await person.change({"what": "config", "unset": ["threshold", "label_floor"]})
        await person.change(made["undo"])
        assert place.tasks.task(TASK).config.threshold == 0.25


async def test_versions_are_moved_and_brought_back(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        rolled = await person.change({"what": "rollback"}, "v2 is odd")
        assert await live(place) == "v1"
        await person.change(rolled["undo"], "it was not")
        assert await live(place) == "v2"
        outdated = await person.preview(rolled["undo"])
        assert (outdated.status_code, "v2 is live by now, and not v1" in outdated.text) == (409, True)
        pinned = await person.change({"what": "pin"}, "release")
        assert (await person.look()).json()["pinned"] == "release"
        assert (await person.preview({"what": "pin"})).status_code == 409
        await person.change(pinned["undo"])
        rollback, promoted, pin, _ = place.kafka.events
        assert [move.by for move in RollbackDetails.of(rollback).moves] == ["this machine"] * 2
        assert promoted.kind in (EventKind.ROLLBACK, EventKind.PROMOTED)
        assert PinnedDetails.of(pin) == PinnedDetails("release", "this machine")
        for wish, why in (
            ({"what": "promote", "version": "v9"}, "there is no version v9"),
            ({"what": "promote"}, "name the version"),
            ({"what": "approve", "version": "v1"}, "no version waits for approval"),
            ({"what": "close_breaker"}, "closed already"),
        ):
            refused = await person.preview(wish)
            assert (refused.status_code, why in refused.text) == (409, True), refused.text


async def test_what_was_not_shown_is_not_made(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        seen = (await person.preview(TARGET)).json()["seen"]
        results = await asyncio.gather(*(person.apply(TARGET, seen) for _ in range(3)))
        assert sorted(result.status_code for result in results) == [200, 409, 409]
        assert len(place.kafka.events) == 1
        assert (await person.apply(TARGET, "")).status_code == 409
        same = (await person.preview(TARGET)).json()
        assert same["diff"] == []
        assert (await person.apply(TARGET, same["seen"])).status_code == 409
        for reason in ("", "  ", "two\nlines", "x" * 501):
            assert (await person.apply({"what": "pin"}, seen, reason)).status_code == 400
        assert len(place.kafka.events) == 1


async def test_a_change_that_another_one_overwrites_is_told(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        place.kafka.meanwhile = CONFIG | {"target_agreement": 0.97, "paused": True}
        assert (await person.change(TARGET))["diff"], "another one that has read this one keeps it"
        place.kafka.meanwhile = CONFIG | {"label_floor": 0.5, "paused": True}
        wish = {"what": "config", "fields": {"paused": False}}
        lost = await person.apply(wish, (await person.preview(wish)).json()["seen"])
        assert (lost.status_code, "came at the same moment" in lost.text) == (409, True)


async def test_a_change_rests_on_what_the_topic_holds_and_not_on_what_was_read_of_it(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        await person.change({"what": "config", "fields": {"reserve": 0.3}}, "a first one")
        seen = (await person.preview(TARGET)).json()["seen"]
        place.kafka.unread = CONFIG | {"reserve": 0.3, "paused": True}
        refused = await person.apply(TARGET, seen)
        assert refused.status_code == 409, refused.text
        newest = "by this machine, 2026-09-21 at 14:13 UTC: a first one"
        assert newest in refused.json()["detail"]
        assert place.tasks.overrides[TASK] == CONFIG | {"reserve": 0.3}
        assert len(place.kafka.events) == 1


@pytest.mark.parametrize(
    ("by_another", "wish", "status"),
    [
        ({"target_agreement": 0.9}, TARGET | {"shown": {"target_agreement": 0.95}}, 409),
        ({"target_agreement": 0.95}, TARGET | {"shown": {"target_agreement": 0.95}}, 200),
        ({"paused": True}, TARGET | {"shown": {"target_agreement": 0.95}}, 200),
        ({"never_answer": ["no"]}, NEVER_YES | {"shown": {"never_answer": []}}, 409),
        ({"never_answer": ["yes"]}, NEVER_YES | {"shown": {"never_answer": []}}, 200),
        ({"label_floor": 0.6}, UNSET | {"shown": {"label_floor": 0.7}}, 409),
    ],
    ids=["another target", "the same", "another field", "another label", "wished already", "to be unset"],
)
async def test_a_field_is_changed_only_from_what_was_shown(
    redis_url: str,
    keys: Keys,
    artifact: Artifact,
    by_another: dict[str, Any],
    wish: dict[str, Any],
    status: int,
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        place.tasks.configure(TASK, CONFIG | by_another)
        answer = await person.preview(wish)
        assert answer.status_code == status, answer.text
        assert ("has been changed since this was shown" in answer.text) is (status == 409)


async def test_what_others_have_changed_since_is_not_undone(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        made = await person.change(TARGET, "month's end")
        await person.change({"what": "config", "fields": {"paused": True}}, "another field")
        assert (await person.preview(made["undo"])).status_code == 200
        await person.change({"what": "config", "fields": {"target_agreement": 0.99}}, "stricter")
        refused = await person.preview(made["undo"])
        assert (refused.status_code, "UTC: stricter" in refused.text) == (409, True), refused.text
        assert place.tasks.task(TASK).config.target_agreement == 0.99


async def test_no_url_is_changed_here(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        for fields in (
            {"teacher": {"url": "http://evil.example"}},
            {"embedder": "text"},
            {"chat": {"mode": "serve"}},
            {"target_agreement": 95},
            {"speed": 1},
        ):
            refused = await person.preview({"what": "config", "fields": fields})
            assert refused.status_code == 400, refused.text
        assert place.kafka.written == []


async def test_an_outage_is_told_and_changes_nothing(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        seen = (await person.preview(TARGET)).json()["seen"]
        place.kafka.is_away = True
        failed = await person.apply(TARGET, seen)
        assert (failed.status_code, "look whether it is changed" in failed.text) == (503, True)
        assert place.tasks.task(TASK).config.target_agreement == 0.95
        assert (await person.look()).json()["changes"] == []


async def test_while_kafka_is_known_to_be_away_no_change_waits_for_it(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        seen = (await person.preview(TARGET)).json()["seen"]
        place.kafka.is_stalled = True
        refused = await person.apply(TARGET, seen)
        assert (refused.status_code, "nothing was changed" in refused.text) == (503, True)
        assert place.kafka.written == []
        await person.change({"what": "rollback"}, "versions are moved all the same")
        assert await live(place) == "v1"


async def test_a_list_that_is_shown_cut_is_not_changed_behind_the_cut(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        labels = [f"label-{number:04}" for number in range(3_000)]
        wish = {"what": "config", "fields": {"never_answer": labels[:-2]}}
        await person.change({"what": "config", "fields": {"never_answer": labels[:-1]}})
        assert set(labels[:-1]) <= set((await person.look()).json()["labels"])
        shown = (await person.preview(wish)).json()
        assert len(shown["diff"][0]["after"]) < 1_100
        await Person(place, client).change({"what": "config", "fields": {"never_answer": labels}}, "another")
        assert (await person.apply(wish, shown["seen"])).status_code == 409
        [newest, *_] = (await person.look()).json()["changes"]
        assert (newest["change"]["reason"], newest["change"]["undo"]) == ("another", None)


async def test_a_key_of_an_app_sees_no_example_and_no_url_of_the_teacher(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    token, reads = create_key("app", ("*",), "serve", 1)
    operator, operates = create_key("ann", (TASK,), "serve", 1, operate=True)
    known = {reads.id: reads, operates.id: operates}
    async with operated(redis_url, keys, artifact, known) as place, httpx2.AsyncClient() as client:
        ann, app = (Person(place, client, **{"x-understudy-key": key}) for key in (operator, token))
        fields = {"teacher": {"url": "http://inside/v1", "examples": [{"text": "my card", "label": "yes"}]}}
        by_command = config_change(TASK, fields, place.tasks.overrides, ())
        await place.kept.add(TASK, made_change(by_command, ChangeAuthor("bob", "better", 1)))
        assert "my card" in (await ann.look()).text
        seen = await app.look()
        assert "my card" not in seen.text
        assert "inside" not in seen.text
        assert "teacher.examples" in seen.text


@pytest.mark.parametrize("wish", WISHES)
async def test_a_key_without_the_right_changes_nothing(
    redis_url: str, keys: Keys, artifact: Artifact, wish: dict[str, Any]
) -> None:
    token, reads = create_key("app", ("*",), "serve", 1)
    operator, operates = create_key("ann", (TASK,), "serve", 1, operate=True)
    known = {reads.id: reads, operates.id: operates}
    async with operated(redis_url, keys, artifact, known) as place, httpx2.AsyncClient() as client:
        ann = Person(place, client, **{"x-understudy-key": operator})
        seen = (await ann.preview(wish)).json()["seen"]
        before = await place.registry.serving_state(TASK)
        app = Person(place, client, **{"x-understudy-key": token})
        for refused in (await app.preview(wish), await app.apply(wish, seen)):
            assert (refused.status_code, "--operate" in refused.text) == (403, True)
        nobody = await Person(place, client).apply(wish, seen)
        assert nobody.status_code == 401
        page = (await app.look()).json()
        assert (page["may_change"], page["changes"]) == (False, [])
        assert (place.kafka.written, await place.registry.serving_state(TASK)) == ([], before)
        assert (await ann.apply(wish, seen)).json()["by"] == "ann"


@pytest.mark.parametrize(
    "strange",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://app.example"},
        {"origin": "http://localhost:1"},
        {"host": "rebound.example"},
        {"sec-fetch-site": "cross-site"},
        {"content-type": "text/plain"},
        {CHANGE_HEADER: ""},
    ],
)
async def test_no_foreign_page_changes_anything(
    redis_url: str, keys: Keys, artifact: Artifact, strange: dict[str, str]
) -> None:
    async with (
        operated(redis_url, keys, artifact, origins=("https://app.example",)) as place,
        httpx2.AsyncClient() as client,
    ):
        seen = (await Person(place, client).preview(TARGET)).json()["seen"]
        headers = {"content-type": "application/json"} | CHANGE | strange
        if not headers[CHANGE_HEADER]:
            del headers[CHANGE_HEADER]
        content = httpx2.Request(
            "POST", "http://x", json={"wish": TARGET, "seen": seen, "reason": "r"}
        ).content
        for what in ("preview", "apply"):
            refused = await client.post(
                f"{place.url}/dashboard/change/{what}/{TASK}", content=content, headers=headers
            )
            assert refused.status_code in (403, 415), refused.text
        assert place.kafka.written == []


async def test_a_preflight_allows_no_change_from_elsewhere(
    redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        asked = {
            "origin": "https://evil.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": CHANGE_HEADER,
        }
        answer = await client.options(f"{place.url}/dashboard/change/apply/{TASK}", headers=asked)
        assert answer.status_code >= 400
        assert "access-control-allow-origin" not in answer.headers


async def test_nothing_is_changed_by_looking(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        before = await place.registry.serving_state(TASK)
        for what in ("preview", "apply"):
            for method in ("GET", "HEAD", "PUT", "DELETE"):
                answer = await client.request(
                    method, f"{place.url}/dashboard/change/{what}/{TASK}", headers=CHANGE
                )
                assert answer.status_code == 405
        answer = await Person(place, client).look()
        assert answer.headers["cache-control"] == "no-store"
        assert (place.kafka.written, await place.registry.serving_state(TASK)) == ([], before)


@pytest.mark.parametrize("name", ["nobody", "%2e%2e", "a%20b", "*", "x" * 101])
async def test_an_unknown_task_is_not_found(
    redis_url: str, keys: Keys, artifact: Artifact, name: str
) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        person = Person(place, client)
        what_if = await client.get(f"{place.url}/dashboard/read/what-if/{name}")
        for answer in (await person.look(name), await person.preview(TARGET, name), what_if):
            assert answer.status_code == 404, answer.text


async def live(place: Operated) -> str:
    active = await place.registry.active(TASK)
    assert active is not None
    return active.version
