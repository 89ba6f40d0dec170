"""The page is served to all, its data only to those who may see the task."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from msgspec import Struct

from schemas.events import Event, EventKind
from streams.dashboard import encoded_views
from streams.dashboard.encoded_views import EncodedViews, Parts
from streams.dashboard.system.recent_events import RecentEvents
from streams.dashboard.tasks.views import OverviewView, TaskView
from streams.dashboard.view_streams import MOST_OF_A_KEY, MOST_STREAMS, KeyTasks
from streams.gateway.keys import create_key
from tests.streams.dashboard.scripted import HOSTILE, ScriptedReader, certified, running

FILES = ("dashboard.js", "tabs.js", "ask.js", "chart.js", "dashboard.css", "icon.svg")


async def told(url: str, **options: Any) -> AsyncGenerator[tuple[str, Any], None]:
    """Name and content of each event of a stream."""
    async with httpx2.AsyncClient() as client, client.stream("GET", url, **options) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = ""
        async for part in answer.aiter_text():
            *events, text = (text + part).split("\n\n")
            for name, content in (event.split("\n") for event in events):
                yield name.removeprefix("event: "), json.loads(content.removeprefix("data: "))


async def first_event(url: str, **options: Any) -> tuple[str, Any]:
    """Name and content of a stream's first event."""
    async with aclosing(told(url, **options)) as events:
        return await anext(events)


async def test_the_page_allows_nothing_from_elsewhere() -> None:
    async with running(ScriptedReader()) as url, httpx2.AsyncClient() as client:
        for path in ("/dashboard", f"/dashboard/tasks/{quote(HOSTILE, safe='')}"):
            page = await client.get(url + path)
            assert page.headers["content-type"].startswith("text/html")
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert "unsafe" not in page.headers["content-security-policy"]
            assert HOSTILE not in page.text
        assert [(await client.get(f"{url}/dashboard/page/{name}")).status_code for name in FILES] == [
            200
        ] * len(FILES)
        for name in ("nothing.js", "..%2froutes.py", "%2e%2e/routes.py"):
            assert (await client.get(f"{url}/dashboard/page/{name}")).status_code == 404


async def test_a_stream_tells_of_all_tasks_and_of_one() -> None:
    async with running(ScriptedReader(certified("a"), certified(HOSTILE))) as url:
        name, overview = await first_event(f"{url}/dashboard/stream")
        assert (name, [row["task"] for row in overview["rows"]]) == ("view", [HOSTILE, "a"])
        name, view = await first_event(f"{url}/dashboard/stream/a")
        assert (name, view["row"]["task"]) == ("view", "a")


@pytest.mark.parametrize("name", [HOSTILE, "a}:active", "nobody", "a/b", "a" * 101])
async def test_there_is_no_stream_of_what_is_no_task(name: str) -> None:
    async with running(ScriptedReader(certified("a"))) as url, httpx2.AsyncClient() as client:
        answer = await client.get(f"{url}/dashboard/stream/{quote(name, safe='')}")
        assert (answer.status_code, "no such task" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    "path",
    ["read/days/{}", "read/deferred/{}", "watch/events?task={}", "stream/{}"],
    ids=["days", "deferred", "events", "stream"],
)
async def test_a_strangers_name_is_no_task(path: str) -> None:
    token, key = create_key("app", ("*",), "serve", 1)
    async with (
        running(ScriptedReader(certified("a")), {key.id: key}) as url,
        httpx2.AsyncClient(headers={"x-understudy-key": token}) as client,
    ):
        for name, status in (("a", 200), ("nobody", 404), ("two words", 404)):
            place = f"{url}/dashboard/{path.format(quote(name))}"
            async with client.stream("GET", place) as answer:
                assert answer.status_code == status, name


async def test_events_of_a_task_that_was_retired_are_shown() -> None:
    events = RecentEvents()
    events.note([Event(EventKind.PROMOTED, "gone", 1, "gone: v1 goes live")])
    async with running(ScriptedReader(certified("a")), events=events) as url:
        _, view = await first_event(f"{url}/dashboard/watch/events?task=gone")
        assert [row["text"] for row in view["rows"]] == ["v1 goes live"]


async def test_texts_of_deferrals_are_for_keys_that_may_operate() -> None:
    made = [
        create_key(name, ("tickets",), "record" if name == "ann" else "serve", 1, operate=name == "ann")
        for name in ("app", "ann")
    ]
    reader, found = ScriptedReader(certified("tickets"), certified("other")), {}
    async with running(reader, {key.id: key for _, key in made}) as url, httpx2.AsyncClient() as client:
        for token, key in made:
            headers = {"x-understudy-key": token}
            answer = await client.get(f"{url}/dashboard/read/deferred/tickets", headers=headers)
            found[key.name] = [row["text"] for row in answer.json()["deferrals"]]
            foreign = await client.get(f"{url}/dashboard/read/deferred/other", headers=headers)
            assert foreign.status_code == 403
    assert found == {"app": [None, None], "ann": [HOSTILE, "where is my parcel"]}


async def test_after_the_first_view_a_stream_tells_what_has_changed_alone() -> None:
    reader = ScriptedReader(certified("a"))
    async with running(reader) as url:
        events = told(f"{url}/dashboard/stream/a")
        name, view = await anext(events)
        assert (name, len(view["history"])) == ("view", 2)
        assert await anext(events) == ("change", {}), "nothing has changed, and the stream lives"
        reader.statuses = (replace(certified("a"), traces=9_999),)
        while not (change := await anext(events))[1]:
            pass
        await events.aclose()
    name, changed = change
    assert (name, list(changed)) == ("change", ["facts"])


async def test_two_who_are_shown_the_same_share_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def encode(shown: Struct) -> Parts:
        made.append(shown)
        return encoded(shown)

    encoded = encoded_views._encoded
    monkeypatch.setattr(encoded_views, "_encoded", encode)
    views = EncodedViews[OverviewView, KeyTasks](lambda view, _: view)
    view = await ScriptedReader(certified("a")).overview()
    first = views.parts(view, None)
    assert views.parts(view, None) is first
    views.parts(view, frozenset({"a"}))
    views.parts(await ScriptedReader(certified("a")).overview(), None)
    assert len(made) == 3


async def test_an_event_is_written_once_for_all_who_were_told_the_same() -> None:
    reader, views = ScriptedReader(certified("a")), EncodedViews[TaskView, None](lambda view, _: view)
    told = views.parts(await reader.task("a"), None)
    first = views.event(told, None)
    assert views.event(told, None) is first
    reader.statuses = (replace(certified("a"), traces=9_999),)
    now = views.parts(await reader.task("a"), None)
    change = views.event(now, told)
    assert views.event(now, told) is change
    assert views.event(now, None).plain.startswith(b"event: view\n"), "who comes now is told all"
    assert change.plain.startswith(b'event: change\ndata: {"facts"')
    assert change.packed is change.packed


async def test_a_key_shows_its_tasks_alone() -> None:
    token, key = create_key("app", ("a",), "serve", 1)
    async with running(ScriptedReader(certified("a"), certified("b")), {key.id: key}) as url:
        headers = {"x-understudy-key": token}
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{url}/dashboard/stream")).status_code == 401
            assert (await client.get(f"{url}/dashboard/stream/b", headers=headers)).status_code == 403
            assert (await client.get(f"{url}/dashboard")).status_code == 200
        _, overview = await first_event(f"{url}/dashboard/stream", headers=headers)
        assert [row["task"] for row in overview["rows"]] == ["a"]


@pytest.mark.parametrize("path", ["/dashboard/stream", "/dashboard/stream/a"])
async def test_a_stream_ends_with_its_key(path: str) -> None:
    token, key = create_key("app", ("*",), "serve", 1)
    other = create_key("other", ("*",), "serve", 1)[1]
    keys = {key.id: key, other.id: other}
    headers = {"x-understudy-key": token}
    async with (
        running(ScriptedReader(certified("a")), keys) as url,
        httpx2.AsyncClient() as client,
        client.stream("GET", url + path, headers=headers) as answer,
    ):
        parts = answer.aiter_bytes()
        assert (await anext(parts)).startswith(b"event: view")
        del keys[key.id]
        async with asyncio.timeout(4.0):
            async for _ in parts:
                pass


@pytest.mark.parametrize("headers", [{"host": "rebound.example"}, {"origin": "https://elsewhere.example"}])
async def test_a_foreign_page_reads_nothing(headers: dict[str, str]) -> None:
    async with running(ScriptedReader(certified("a"))) as url, httpx2.AsyncClient() as client:
        assert (await client.get(f"{url}/dashboard/stream", headers=headers)).status_code == 403


async def test_an_outage_is_told_without_the_password() -> None:
    reader = ScriptedReader(certified("a"))
    reader.is_away = True
    async with running(reader) as url:
        name, told = await first_event(f"{url}/dashboard/stream")
    assert name == "problem"
    assert "Redis is away" in told["detail"]
    assert "secret" not in told["detail"]


async def test_streams_are_bounded_and_end_with_the_server() -> None:
    async with AsyncExitStack() as stack, httpx2.AsyncClient(limits=httpx2.Limits()) as client:
        async with running(ScriptedReader(certified("a"))) as url:
            opened = [
                await stack.enter_async_context(client.stream("GET", f"{url}/dashboard/stream"))
                for _ in range(MOST_STREAMS)
            ]
            assert (await client.get(f"{url}/dashboard/stream")).status_code == 429
            await opened[0].aclose()
            for _ in range(200):
                async with client.stream("GET", f"{url}/dashboard/stream/a") as again:
                    if again.status_code == 200:
                        break
                await asyncio.sleep(0.05)
            assert again.status_code == 200
        async with asyncio.timeout(4.0):
            for answer in opened[1:]:
                await answer.aread()


async def test_one_key_leaves_places_for_others() -> None:
    (greedy, first), (modest, second) = (create_key(name, ("*",), "serve", 1) for name in ("a", "b"))
    reader = ScriptedReader(certified("a"))
    async with AsyncExitStack() as stack, httpx2.AsyncClient(limits=httpx2.Limits()) as client:
        url = await stack.enter_async_context(running(reader, {first.id: first, second.id: second}))
        stream, headers = f"{url}/dashboard/stream", {"x-understudy-key": greedy}
        for _ in range(MOST_OF_A_KEY):
            await stack.enter_async_context(client.stream("GET", stream, headers=headers))
        refused = await client.get(stream, headers=headers)
        assert (refused.status_code, "16 pages with this key" in refused.text) == (429, True)
        name, _ = await first_event(stream, headers={"x-understudy-key": modest})
        assert name == "view"
