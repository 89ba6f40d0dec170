"""What goes to an LLM's endpoint is what the app has sent, and who hangs up ends the work for it."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from schemas.secrets import remember_secrets
from streams.gateway import upstream
from streams.gateway.client_watch import ClientWatch
from streams.gateway.masked_reply import can_repeat_key, masked_reply
from streams.gateway.problems import ClientGone, HttpProblem
from streams.gateway.upstream import Upstream, UpstreamBroken, UpstreamCall, UpstreamResponse, endpoint_url
from tests.streams.gateway.harness import until
from tests.streams.gateway.scripted_llm import ScriptedLlm, scripted_llm


@pytest.fixture
async def opened() -> AsyncIterator[Upstream]:
    one = Upstream()
    yield one
    await one.aclose()


def call(llm: ScriptedLlm, *headers: tuple[bytes, bytes], body: bytes = b"{}") -> UpstreamCall:
    return UpstreamCall(f"{llm.url}/chat/completions", list(headers), body)


async def read(response: UpstreamResponse) -> bytes:
    return b"".join([chunk async for chunk in _chunks(response)])


async def _chunks(response: UpstreamResponse) -> AsyncIterator[bytes]:
    while chunk := await response.next_chunk():
        yield chunk


@pytest.mark.parametrize("size", [2, 3_000_000])
async def test_no_header_is_added_and_none_merged(opened: Upstream, size: int) -> None:
    sent = [(b"x-a", b"1"), (b"x-a", "ü, 2".encode()), (b"cookie", b"a=b"), (b"content-encoding", b"br")]
    async with scripted_llm() as llm:
        llm.says("no")
        (await opened.open(call(llm, *sent, body=b"x" * size))).close()
        [asked] = llm.asked
        assert [pair for pair in asked.headers if pair[0] not in (b"host", b"content-length")] == sent
        assert dict(asked.headers)[b"content-length"] == str(size).encode()
        assert len(asked.body) == size


async def test_a_connection_is_used_again(opened: Upstream) -> None:
    async with scripted_llm() as llm:
        llm.says("no")
        for _ in range(3):
            response = await opened.open(call(llm))
            await read(response)
            response.close()
        assert opened._session is not None
        assert opened._session.connector is not None
        assert [len(idle) for idle in opened._session.connector._conns.values()] == [1]


async def test_a_reply_that_breaks_off_says_so(opened: Upstream) -> None:
    async with scripted_llm() as llm:
        llm.says("no")
        llm.breaks = True
        response = await opened.open(call(llm))
        with pytest.raises(UpstreamBroken):
            await read(response)
        response.close()


async def test_a_reply_that_cannot_be_parsed_breaks_off(opened: Upstream) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await begun.wait()
        writer.write(b"no length\r\n")
        await over.wait()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        response = await opened.open(UpstreamCall(f"http://127.0.0.1:{port}/v1", [], b"{}"))
        assert await response.next_chunk() == b"abc"
        begun.set()
        with pytest.raises(UpstreamBroken):
            await asyncio.wait_for(response.next_chunk(), 20.0)
        response.close()
        over.set()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "ftp://x/v1", "http:///v1", "http://[::1/v1"])
async def test_no_reply_is_a_problem_of_the_teacher(opened: Upstream, url: str) -> None:
    with pytest.raises(HttpProblem, match="does not answer"):
        await opened.open(UpstreamCall(url, [], b"{}"))


async def test_a_proxy_of_the_environment_is_used(opened: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted_llm() as llm:
        llm.says("no")
        monkeypatch.setenv("http_proxy", llm.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "direct.test")
        upstream._proxy.cache_clear()
        assert upstream._proxy("http", "direct.test") is None
        response = await opened.open(UpstreamCall("http://llm.test/v1/chat/completions", [], b"{}"))
        response.close()
        assert dict(llm.asked[0].headers)[b"host"] == b"llm.test"
    upstream._proxy.cache_clear()


def test_a_base_url_is_encoded_once() -> None:
    assert endpoint_url("http://bücher.test/a b/") == "http://xn--bcher-kva.test/a%20b"
    assert endpoint_url("http://x.test") == "http://x.test"


async def _disconnect() -> Message:
    return {"type": "http.disconnect"}


async def _silence() -> Message:
    await asyncio.Event().wait()
    return {}


async def test_work_ends_once_its_client_has_gone() -> None:
    with pytest.raises(ClientGone):
        async with ClientWatch(_disconnect):
            await asyncio.Event().wait()


async def test_a_cancelled_call_stays_cancelled() -> None:
    began = asyncio.Event()

    async def work() -> None:
        async with ClientWatch(_silence):
            began.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await until(began.is_set)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_a_refusal_that_repeats_the_gateway_s_key_is_masked(encoding: str) -> None:
    remember_secrets(["marked-upstream-key"])
    body = b'{"error": "no such key: marked-upstream-key"}'
    came = gzip.compress(body) if encoding else body
    said: list[bytes | None] = []
    response = await masked_reply(_refused(came, encoding), {"x-further": "2"}, said.append)
    assert response.body == b'{"error": "no such key: ***"}'
    assert dict(response.raw_headers) == {b"x-a": b"1", b"content-length": b"29", b"x-further": b"2"}
    assert said == [came], "what is recorded of it is masked elsewhere"


@pytest.mark.parametrize(
    "came",
    [
        gzip.compress(b" " * 1_000_001 + b"marked-upstream-key"),
        gzip.compress(b"no such key: ") + gzip.compress(b"marked-upstream-key"),
        gzip.compress(b"no such key: marked-upstream-key")[:-1],
        b"no gzip, marked-upstream-key",
    ],
    ids=["long", "in two parts", "cut off", "no gzip"],
)
async def test_a_refusal_that_cannot_be_read_to_its_end_is_not_shown(came: bytes) -> None:
    remember_secrets(["marked-upstream-key"])
    response = await masked_reply(_refused(came, "gzip"), {}, lambda _: None)
    assert (response.status_code, response.body) == (401, b"")


async def test_an_answer_that_cannot_be_read_to_its_end_stays_as_it_came() -> None:
    came = gzip.compress(b'{"choices": ') + gzip.compress(b"[]}")
    response = await masked_reply(_refused(came, "gzip", 200), {}, lambda _: None)
    assert (response.status_code, response.body) == (200, came)
    assert (b"content-encoding", b"gzip") in response.raw_headers


async def test_an_answer_is_masked_by_what_was_sent_alone() -> None:
    """Other secrets may be words: an answer must not lose them."""
    remember_secrets(["production"])
    noted: list[bytes] = []

    async def before(body: bytes) -> None:
        noted.append(body)

    came = b"production, by upstream-key-1"
    reply = _refused(came, "", 200)
    assert can_repeat_key(reply)
    response = await masked_reply(reply, {}, lambda _: None, ["upstream-key-1"], before)
    assert (response.status_code, response.body, noted) == (200, b"production, by ***", [came])


@pytest.mark.parametrize(("encoding", "length"), [("br", b"9"), ("", b"16385"), ("", b"x"), ("", None)])
def test_what_is_long_or_a_stream_goes_on_as_it_is(encoding: str, length: bytes | None) -> None:
    headers = [] if length is None else [(b"Content-Length", length)]
    reply: Any = SimpleNamespace(status=200, encoding=encoding, headers=headers)
    assert not can_repeat_key(reply)
    reply.status = 400
    assert can_repeat_key(reply)


def _refused(came: bytes, encoding: str, status: int = 401) -> Any:
    chunks = [came, b""]

    async def next_chunk() -> bytes:
        return chunks.pop(0)

    headers = [(b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(came)), (b"x-a", b"1")]
    return SimpleNamespace(
        status=status, encoding=encoding, headers=headers, next_chunk=next_chunk, close=lambda: None
    )
