"""Large, slow, many or strange calls are refused, and cost the gateway little."""

import asyncio
import socket
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
import uvicorn
from uvicorn.server import ServerState

from schemas.codec import DEFERRAL
from streams.gateway.app import create_gateway
from streams.gateway.call_limits import call_limits
from streams.gateway.limited_protocol import ConnectionLimits, limited_protocol
from streams.gateway_settings import GatewaySettings
from tests.streams.fakes import ScriptedPolicy
from tests.streams.gateway.harness import UNSURE, YES, RunningGateway, running, until

HEAD = b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


async def connect(gateway: RunningGateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    where = urlsplit(gateway.url)
    return await asyncio.open_connection(where.hostname, where.port)


async def said(gateway: RunningGateway, sent: bytes) -> bytes:
    """All that comes back on a connection that sends this and then waits."""
    reader, writer = await connect(gateway)
    with closing(writer):
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 20)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_large_body_is_refused_before_it_is_read(declared: bool) -> None:
    length = b"content-length: 100000000\r\n\r\n"
    async with running(ScriptedPolicy(), max_body=1_000) as gateway:
        if declared:
            answer = await said(gateway, HEAD + length)
        else:
            answer = await said(
                gateway, HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"800\r\n" + b"x" * 2048
            )
        assert (await gateway.classify()).status_code == 200
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"urn:understudy:problem:too_large" in answer


async def test_a_slow_body_is_refused() -> None:
    async with running(ScriptedPolicy(), body_timeout=0.05) as gateway:
        answer = await said(gateway, HEAD + b'content-length: 50\r\n\r\n{"task')
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"POST /v1/cla"])
async def test_a_silent_client_is_hung_up_on(sent: bytes) -> None:
    async with running(ScriptedPolicy(), body_timeout=0.05) as gateway:
        assert await said(gateway, sent) == b""


async def test_the_rest_of_a_refused_body_holds_no_connection() -> None:
    head = HEAD.replace(b"/v1/classify", b"/v1/nothing")
    async with running(ScriptedPolicy(), body_timeout=0.05) as gateway:
        reader, writer = await connect(gateway)
        with closing(writer):
            writer.write(head + b"content-length: 50\r\n\r\n{")
            assert await reader.readuntil(b"}") != b""
            writer.write(b"x")
            assert await asyncio.wait_for(reader.read(), 20) == b""


class UnreadTransport(asyncio.Transport):
    """Of a client that reads nothing."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__({"socket": connected})
        self.aborted = False

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Wait for the client to read what was sent, without end."""

    def abort(self) -> None:
        self.aborted = True


async def test_a_client_that_reads_nothing_is_hung_up_on() -> None:
    config = uvicorn.Config(
        create_gateway(GatewaySettings(), [], call_limits(GatewaySettings())), lifespan="off", log_config=None
    )
    config.load()
    with socket.socket() as connected:
        transport = UnreadTransport(connected)
        client = limited_protocol(ConnectionLimits(0.01, 1))(config, ServerState(), {})
        client.connection_made(transport)
        client.pause_writing()
        await asyncio.wait_for(until(lambda: transport.aborted), 20)


async def test_it_says_that_it_lives_while_it_is_full() -> None:
    async with running(ScriptedPolicy(), concurrency=1, ack="kafka") as gateway:
        gateway.broker.holds = True
        answered = asyncio.create_task(gateway.classify(YES))
        await gateway.produced("x.labels")
        refused = await gateway.classify(YES)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert (await gateway.http.get("/healthz")).status_code == 200
        gateway.broker.holds = False
        assert (await answered).status_code == 200


async def test_connections_are_limited() -> None:
    async with running(ScriptedPolicy(), connections=2) as gateway:
        first, second = await connect(gateway), await connect(gateway)
        assert await said(gateway, b"") == b""
        for _, writer in (first, second):
            writer.close()


async def test_who_waits_for_a_teacher_holds_up_nobody_else() -> None:
    """Neither what the surrogate answers, nor another task."""
    async with running(ScriptedPolicy(), concurrency=1, waiting=1) as gateway:
        waiting = asyncio.create_task(gateway.classify(UNSURE))
        await gateway.produced("x.deferrals")
        refused = await gateway.classify(UNSURE)
        batch = {"task": "t", "requests": [{"text": YES}, {"text": UNSURE}]}
        mixed = (await gateway.http.post("/v1/classify/batch", json=batch)).json()["results"]
        answer = await gateway.classify(YES)
        other = await gateway.classify(UNSURE, task="other", timeout=0.01)
        written = len(gateway.broker.to("x.deferrals"))
        waiting.cancel()
        await until(lambda: not waiters(gateway))
        again = await gateway.classify(UNSURE, timeout=0.01)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert [one["status"] for one in mixed] == [200, 429]
    assert (answer.status_code, other.status_code) == (200, 504)
    assert written == 2, "what is refused is not asked"
    assert again.status_code == 504, "a client that has gone holds no place"


async def test_a_slow_body_holds_up_nobody_else() -> None:
    async with running(ScriptedPolicy(), concurrency=1) as gateway:
        _, writer = await connect(gateway)
        with closing(writer):
            writer.write(HEAD + b'content-length: 50\r\n\r\n{"task')
            await writer.drain()
            assert (await gateway.classify(YES)).status_code == 200


async def test_the_memory_of_bodies_is_limited_in_all() -> None:
    large = b'{"task": "t", "text": "' + b"x" * 50_000
    async with running(ScriptedPolicy(), body_memory=60_000) as gateway:
        _, writer = await connect(gateway)
        with closing(writer):
            writer.write(HEAD + b"content-length: 99999\r\n\r\n" + large)
            await until(lambda: gateway.limits.held > 40_000)
            refused = await gateway.classify("x" * 50_000)
            assert (await gateway.classify(YES)).status_code == 200, "a small one is always read"
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        await until(lambda: not gateway.limits.held)
        assert (await gateway.classify("yes 0.9 0.1" + " " * 50_000)).status_code == 200


async def test_a_head_that_never_ends_is_refused() -> None:
    async with running(ScriptedPolicy()) as gateway:
        answer = await said(gateway, HEAD + b"x-flood: " + b"y" * 100_000)
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_has_to_be_json(kind: str | None) -> None:
    """A page of a foreign origin can send any other type without asking."""
    headers = {"content-type": kind} if kind else {}
    async with running(ScriptedPolicy()) as gateway:
        answer = await gateway.http.post("/v1/classify", content=b'{"task":"t","text":"a"}', headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/classify", 405),
        ("GET", "/v1/../../etc/passwd", 404),
        ("GET", "/v1/labels/%2e%2e%2fx?task=t", 404),
        ("GET", "/v1/labels/a?task=..%2Fx", 400),
        ("GET", f"/v1/labels/{'a' * 300}?task=t", 400),
        ("GET", "/v1/labels/a", 400),
        ("TRACE", "/v1/classify", 405),
    ],
)
async def test_paths_lead_nowhere_else(method: str, path: str, status: int) -> None:
    async with running(ScriptedPolicy()) as gateway:
        answer = await said(
            gateway, f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
        )
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer


@pytest.mark.parametrize("number", ["a\r\nset-cookie: b=c", "a\nb", "\u2028é", "a b"])
async def test_an_id_adds_no_header(number: str) -> None:
    async with running(ScriptedPolicy()) as gateway:
        answer = await gateway.classify(id=number)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.json()["id"] == number


async def test_foreign_origins_are_told_nothing() -> None:
    ours = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
    async with running(ScriptedPolicy(), cors_origins=("https://app.example.com",)) as gateway:
        wanted = {"access-control-request-headers": "content-type,x-stainless-lang,x-understudy-task"}
        allowed = await gateway.http.options("/v1/chat/completions", headers=ours | wanted)
        refused = await gateway.http.options(
            "/v1/classify", headers=ours | {"origin": "https://evil.example"}
        )
        read = await gateway.classify(headers={"origin": "https://app.example.com"})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "access-control-allow-origin" not in refused.headers
    assert "x-understudy-source" in read.headers["access-control-expose-headers"]
    async with running(ScriptedPolicy()) as gateway:
        assert (await gateway.http.options("/v1/classify", headers=ours)).status_code == 405


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Exception, match=f"can't listen on 127.0.0.1:{port}"):
            asyncio.run(start(port))


async def start(port: int) -> None:
    async with running(port=port):
        pass


def waiters(gateway: RunningGateway) -> int:
    """Clients that wait for the one deferred request."""
    request = DEFERRAL.decode(gateway.broker.to("x.deferrals")[0].value).request
    return gateway.recent.find("t", request.id).waiters


async def test_a_trailer_that_never_ends_is_refused() -> None:
    head = HEAD.replace(b"/v1/classify", b"/v1/chat/completions")
    async with running(ScriptedPolicy()) as gateway:
        reader, writer = await connect(gateway)
        with closing(writer):
            writer.write(head + b"transfer-encoding: chunked\r\n\r\n0\r\nx-flood: " + b"y" * 1_000_000)
            with suppress(ConnectionResetError):  # it reads no more of it
                assert (await asyncio.wait_for(reader.read(12), 20)) in (b"", b"HTTP/1.1 400")


async def test_a_trailer_is_no_header_of_the_call() -> None:
    body = b'{"task": "t", "text": "%s"}' % YES.encode()
    chunked = b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(body), body)
    async with running(ScriptedPolicy()) as gateway:
        reader, writer = await connect(gateway)
        with closing(writer):
            writer.write(HEAD + chunked + b"x-understudy-debug: 1\r\n\r\n")
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"x-understudy-score" not in answer


async def test_a_wish_for_another_protocol_is_passed_over() -> None:
    """Some clients ask for HTTP/2 with each call, and go on with HTTP/1.1 where there is none."""
    body = b'{"task": "t", "text": "%s"}' % YES.encode()
    wish = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
    call = HEAD + wish + b"content-length: %d\r\n\r\n" % len(body) + body
    async with running(ScriptedPolicy()) as gateway:
        reader, writer = await connect(gateway)
        with closing(writer):
            for _ in range(2):
                writer.write(call)
                answer = await asyncio.wait_for(reader.readuntil(b'"supersedes":false}'), 20)
                assert answer.startswith(b"HTTP/1.1 200 ")
