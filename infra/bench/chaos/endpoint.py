"""Endpoint that the run controls: answers chats by the gold label, and embeddings; or hangs, or refuses."""

import asyncio
import socket
import threading
from enum import StrEnum
from typing import Any, Self

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from infra.bench.chaos.gold import label_of, vector_of

_LOOK_S = 0.1


class Mood(StrEnum):
    """What the endpoint does with a call."""

    ANSWERS = "answers"
    HANGS = "hangs"
    REFUSES = "refuses"


class ScriptedEndpoint:
    """Serves an OpenAI-compatible API on loopback, in a thread of its own.

    Args:
        latency: seconds that an answer takes.

    Attributes:
        mood: may be set at any time; calls that hang go on once it answers again.
        url: base URL, `http://127.0.0.1:<port>/v1`.
    """

    def __init__(self, latency: float) -> None:
        self.mood = Mood.ANSWERS
        self._latency = latency
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/embeddings", self._embeddings, methods=["POST"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        run = self._server.run
        self._thread = threading.Thread(target=run, args=([listening],), name="endpoint", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mood = Mood.ANSWERS
        self._server.should_exit = True
        self._thread.join()

    async def _chat(self, request: Request) -> Response:
        asked = await self._take(request)
        if isinstance(asked, Response):
            return asked
        label = label_of(asked["messages"][-1]["content"])
        shape = (asked.get("response_format") or {}).get("type")
        content = msgspec.json.encode({"label": label}).decode() if shape == "json_schema" else label
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        named = {"id": "chaos", "object": "chat.completion", "created": 0, "model": asked["model"]}
        return _json({**named, "choices": [choice]})

    async def _embeddings(self, request: Request) -> Response:
        asked = await self._take(request)
        if isinstance(asked, Response):
            return asked
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        vectors = [
            {"object": "embedding", "index": place, "embedding": vector_of(text)}
            for place, text in enumerate(texts)
        ]
        return _json({"object": "list", "model": asked["model"], "data": vectors})

    async def _take(self, request: Request) -> Any:
        """What is asked, after its time; or the refusal."""
        try:
            asked = msgspec.json.decode(await request.body())
        except ClientDisconnect:
            return Response(status_code=499)
        await asyncio.sleep(self._latency)
        while self.mood is Mood.HANGS and not await request.is_disconnected():  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(_LOOK_S)
        if self.mood is Mood.REFUSES:
            error = {"message": "slow down", "type": "server_error", "param": None, "code": None}
            return _json({"error": error}, 429, {"Retry-After": "1"})
        return asked


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
