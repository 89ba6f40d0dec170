"""An LLM behind real HTTP that says what a test wants, and keeps what it was asked, byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings


@dataclass
class Asked:
    """One call."""

    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass
class ScriptedLlm:
    """Attributes:
    status, headers, chunks: of each reply.
    hangs: sends no reply.
    breaks: ends each reply before its end.
    gone: a client has hung up while it waited.
    """

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    chunks: list[bytes] = field(default_factory=list)
    hangs: bool = False
    breaks: bool = False
    asked: list[Asked] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def says(self, content: str | None, **message: Any) -> None:
        """Answer with a whole completion."""
        said = {"role": "assistant", "content": content, "refusal": None, **message}
        choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": "stop"}
        body = {
            "id": "chatcmpl-up",
            "object": "chat.completion",
            "created": 7,
            "model": "m-2026",
            "choices": [choice],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        }
        self.chunks = [json.dumps(body, indent=1).encode()]

    def streams(self, *parts: str) -> None:
        """Answer with server-sent events."""
        self.headers = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "up-1"}
        deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
        deltas += [({"content": part}, None) for part in parts] + [({}, "stop")]
        self.chunks = [
            b"data: "
            + json.dumps(
                {
                    "id": "chatcmpl-up",
                    "object": "chat.completion.chunk",
                    "created": 7,
                    "model": "m-2026",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
                }
            ).encode()
            + b"\n\n"
            for delta, finish in deltas
        ]
        self.chunks.append(b"data: [DONE]\n\n")

    async def answer(self, call: Request) -> Response:
        path = f"{call.url.path}?{call.url.query}" if call.url.query else call.url.path
        self.asked.append(Asked(call.method, path, list(call.headers.raw), await call.body()))
        return _Script(self)


class _Script(Response):
    def __init__(self, llm: ScriptedLlm) -> None:
        self._llm = llm
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        llm = self._llm
        if llm.hangs:
            while (await receive())["type"] != "http.disconnect":
                pass
            llm.gone.set()
            raise ClientDisconnect
        headers = [(name.encode(), value.encode()) for name, value in llm.headers.items()]
        await send({"type": "http.response.start", "status": llm.status, "headers": headers})
        for chunk in llm.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)
        if not llm.breaks:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def scripted_llm() -> AsyncIterator[ScriptedLlm]:
    llm = ScriptedLlm()
    routes = [Route("/v1/{path:path}", llm.answer, methods=["GET", "POST", "DELETE"])]
    server = GatewayServer(Starlette(routes=routes), GatewaySettings(port=0), 1.0)
    await server.start()
    llm.url = f"{server.url}/v1"
    try:
        yield llm
    finally:
        await server.stop()
