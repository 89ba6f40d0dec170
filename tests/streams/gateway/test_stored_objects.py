"""What an LLM's API keeps belongs to the app that has created it, though several share a key for it."""

import gzip
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from streams.gateway.keys import create_key
from streams.gateway.stored_objects import CreatedObject
from tests.streams.gateway.harness import UNSURE, YES, RunningGateway, until
from tests.streams.gateway.scripted_llm import ScriptedLlm, streamed
from tests.streams.gateway.test_chat import asking, chatting

TOKEN, KEY = create_key("app", ("t",), "serve", 1)
OTHER_TOKEN, OTHER = create_key("other", ("t", "u"), "serve", 1)
RESPONSE = json.dumps({"id": "resp_1", "object": "response", "output": []}).encode()
EVENT = {"type": "response.created", "response": {"id": "resp_1", "metadata": {"id": "resp_2"}}}
STREAM = b"event: response.created\ndata: " + json.dumps(EVENT).encode() + b"\n\n"


@asynccontextmanager
async def two_apps(
    **chat: Any,
) -> AsyncIterator[tuple[RunningGateway, ScriptedLlm, openai.AsyncOpenAI, openai.AsyncOpenAI]]:
    async with chatting(**chat) as (gateway, llm, app):
        gateway.keys = {KEY.id: KEY, OTHER.id: OTHER}
        gateway.environ["OPENAI_API_KEY"] = "sk-ours"
        by_header = {"x-understudy-task": "t"}
        yield (
            gateway,
            llm,
            app.with_options(api_key=TOKEN),
            app.with_options(api_key=OTHER_TOKEN, default_headers=by_header),
        )


async def test_a_response_is_read_by_its_app_alone() -> None:
    async with two_apps() as (_, llm, app, other):
        llm.chunks = [RESPONSE[:9], RESPONSE[9:]]
        await app.responses.create(model="understudy/t", input=YES)
        assert (await app.responses.retrieve("resp_1")).id == "resp_1"
        await app.responses.create(model="understudy/t", input=YES, previous_response_id="resp_1")
        asked = len(llm.asked)
        for call in (
            other.responses.retrieve("resp_1"),
            other.responses.cancel("resp_1"),
            other.responses.delete("resp_1"),
            other.responses.input_items.list("resp_1"),
            other.responses.create(model="understudy/t", input=YES, previous_response_id="resp_1"),
            other.responses.create(model="understudy/t", input=YES, conversation="conv_1"),
            other.responses.create(model="understudy/t", input=[{"type": "item_reference", "id": "msg_1"}]),
            app.responses.retrieve("resp_9"),
        ):
            with pytest.raises(openai.NotFoundError):
                await call
        assert len(llm.asked) == asked


async def test_a_long_body_refers_to_no_other_apps_response() -> None:
    items: Any = [{"role": "user", "content": "x" * 5_000}, {"type": "item_reference", "id": "msg_1"}]
    async with two_apps(settings={"max_body": 2_000}) as (_, llm, _app, other):
        for given in ({"input": items}, {"input": "x" * 5_000, "previous_response_id": "resp_1"}):
            with pytest.raises(openai.NotFoundError):
                await other.responses.create(model="understudy/t", **given)
        llm.chunks = [RESPONSE]
        assert (await other.responses.create(model="understudy/t", input="x" * 5_000)).id == "resp_1"


ANOTHERS = {
    "no number": b'{"previous_response_id": "resp_1", "temperature": NaN}',
    "UTF-16": '{"previous_response_id": "resp_1"}'.encode("utf-16"),
    "an item without a type": b'{"input": [{"id": "msg_1"}]}',
    "a long one": b'{"input": [{"id": "msg_1"}, {"role": "user", "content": "' + b"x" * 5_000 + b'"}]}',
    "with an item that is none": b'{"input": [1, {"type": "item_reference", "id": "msg_1"}, "%s"]}'
    % (b"x" * 5_000),
}


@pytest.mark.parametrize("body", ANOTHERS.values(), ids=ANOTHERS)
async def test_no_body_goes_on_from_what_may_be_anothers(body: bytes) -> None:
    async with two_apps(settings={"max_body": 2_000}) as (gateway, llm, _, _other):
        sent = {"content-type": "application/json", "x-understudy-task": "t"}
        reply = await gateway.http.post(
            "/v1/responses", content=body, headers={**sent, "authorization": f"Bearer {OTHER_TOKEN}"}
        )
        assert (reply.status_code in (400, 404), llm.asked) == (True, [])
        llm.chunks = [RESPONSE]
        own = {**sent, "authorization": "Bearer sk-app", "x-understudy-key": TOKEN}
        assert (await gateway.http.post("/v1/responses", content=body, headers=own)).status_code == 200
        assert llm.asked[0].body == body


async def test_a_stored_completion_is_forwarded_and_recorded_not_answered() -> None:
    async with two_apps() as (gateway, llm, app, other):
        llm.says("no")
        answer = await app.chat.completions.create(**asking(store=True))
        assert answer.model == "m-2026"
        await until(lambda: bool(gateway.broker.replies))
        assert gateway.broker.labels == []
        assert gateway.broker.replies[0].deferral.request.text == YES
        assert (await app.chat.completions.retrieve(answer.id)).id == answer.id
        await app.chat.completions.update(answer.id, metadata={"a": "b"})
        await app.chat.completions.messages.list(answer.id)
        await app.chat.completions.delete(answer.id)
        with pytest.raises(openai.NotFoundError):
            await other.chat.completions.retrieve(answer.id)
        with pytest.raises(openai.PermissionDeniedError):
            await app.chat.completions.list(metadata={"a": "b"})
        seen = [(one.method, one.path) for one in llm.asked]
    assert seen == [
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions/chatcmpl-up"),
        ("POST", "/v1/chat/completions/chatcmpl-up"),
        ("GET", "/v1/chat/completions/chatcmpl-up/messages"),
        ("DELETE", "/v1/chat/completions/chatcmpl-up"),
    ]


async def test_who_shares_no_key_reads_what_there_is() -> None:
    """An app that brings its own, an app alone, and one whose task has a key of its own at the LLM."""
    async with two_apps() as (gateway, llm, app, other):
        llm.chunks = [RESPONSE]
        own = app.with_options(api_key="sk-app", default_headers={"x-understudy-key": TOKEN})
        assert (await own.responses.retrieve("resp_1")).id == "resp_1"
        gateway.keys = {KEY.id: KEY}
        assert (await app.responses.retrieve("resp_1")).id == "resp_1"
        _, third = create_key("third", ("v",), "serve", 1)
        gateway.keys = {KEY.id: KEY, third.id: third}
        gateway.tasks.configure("v", {"teacher": {"url": llm.url, "model": "m", "key_env": "ANOTHER"}})
        assert (await app.responses.retrieve("resp_1")).id == "resp_1"
        gateway.tasks.configure("v", {"teacher": {"url": f"{llm.url}/", "model": "m"}})
        with pytest.raises(openai.NotFoundError):
            await app.responses.retrieve("resp_1")
        assert other is not app


async def test_an_llm_that_checks_no_key_gives_nobody_anothers_response() -> None:
    async with two_apps() as (_, llm, app, other):
        llm.chunks = [RESPONSE]

        def bringing(key: str, token: str) -> openai.AsyncOpenAI:
            headers = {"x-understudy-key": token, "x-understudy-task": "t"}
            return app.with_options(api_key=key, default_headers=headers)

        for creator, strangers, owners in (
            (app, [bringing("any", OTHER_TOKEN), other], [app, bringing("any", TOKEN)]),
            (bringing("sk", TOKEN), [bringing("any", OTHER_TOKEN)], [bringing("sk", OTHER_TOKEN)]),
        ):
            llm.chunks = [RESPONSE.replace(b"resp_1", name := secrets.token_hex(4).encode())]
            await creator.responses.create(model="understudy/t", input=YES)
            for stranger in strangers:
                with pytest.raises(openai.NotFoundError):
                    await stranger.responses.retrieve(name.decode())
            for owner in owners:
                await owner.responses.retrieve(name.decode())


async def test_a_password_in_the_url_is_the_account_of_all() -> None:
    async with two_apps() as (gateway, llm, app, other):
        llm.chunks = [RESPONSE]
        teacher = {"url": llm.url.replace("http://", "http://joe:pw@"), "model": "m"}
        gateway.tasks.configure("t", {"teacher": teacher})
        own: Any = {"api_key": "sk-app", "default_headers": {"x-understudy-key": TOKEN}}
        await app.with_options(**own).responses.create(model="understudy/t", input=YES)
        assert (b"authorization", b"Basic am9lOnB3") in llm.asked[0].headers
        own["default_headers"] = {"x-understudy-key": OTHER_TOKEN, "x-understudy-task": "t"}
        with pytest.raises(openai.NotFoundError):
            await other.with_options(**own).responses.retrieve("resp_1")


async def test_without_redis_nobody_reads_what_may_be_anothers() -> None:
    async with two_apps() as (gateway, llm, app, _):
        gateway.owners.is_away = True
        llm.chunks = [RESPONSE]
        assert (await app.responses.create(model="understudy/t", input=YES)).id == "resp_1"
        with pytest.raises(openai.InternalServerError, match="Redis is away"):
            await app.responses.retrieve("resp_1")
        llm.says("no")
        assert (await app.chat.completions.create(**asking(UNSURE))).model == "m-2026"


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("body", [RESPONSE, STREAM], ids=["whole", "streamed"])
def test_the_id_is_found_while_the_reply_passes(body: bytes, encoding: str) -> None:
    created, sent = CreatedObject(encoding), gzip.compress(body) if encoding else body
    found = [created.see(sent[at : at + 1]) for at in range(len(sent))]
    assert [name for name in found if name] == ["resp_1"]


def test_a_streamed_completion_has_its_id_in_the_first_event() -> None:
    created = CreatedObject("")
    assert [created.see(chunk) for chunk in streamed({"content": "n"}).chunks][:2] == ["chatcmpl-up", None]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", RESPONSE),
        ("gzip", RESPONSE),
        ("", b'{"metadata": {"id": "resp_2"}, "id": "resp_1"}'),
        ("", b"data: {"),
        ("", b'data: [{"id": "a"}]\n\n'),
        ("", b"x" * 70_000 + RESPONSE),
    ],
)
def test_an_id_that_may_be_another_is_none(encoding: str, body: bytes) -> None:
    assert CreatedObject(encoding).see(body) is None
