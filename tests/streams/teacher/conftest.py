"""A chat endpoint on loopback that says what a test scripts, and remembers what it was asked."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATHS = ("chat/completions", "decisions", "systemone")

Answer = Response | Callable[[], Awaitable[Response]]


class ScriptedEndpoint:
    """Gives the scripted answers in turn, the last one again and again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Answer] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.paths: list[str] = []
        self.over = asyncio.Event()

    async def handle(self, request: Request) -> Response:
        self.bodies.append(json.loads(await request.body()))
        self.paths.append(request.url.path)
        self.keys.append(request.headers["authorization"].removeprefix("Bearer "))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Response) else await answer()

    @staticmethod
    def said(
        text: str | None,
        prompt_tokens: int = 11,
        completion_tokens: int = 2,
        cached_tokens: int | None = None,
        choice: dict[str, Any] | None = None,
        **message: Any,
    ) -> Response:
        """A chat completion; `choice` holds further fields of its one choice."""
        cached = {} if cached_tokens is None else {"prompt_tokens_details": {"cached_tokens": cached_tokens}}
        return JSONResponse(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "any",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": text, **message},
                        **(choice or {}),
                    }
                ],
                "usage": {
                    "prompt_tokens": prompt_tokens,
                    "completion_tokens": completion_tokens,
                    "total_tokens": prompt_tokens + completion_tokens,
                    **cached,
                },
            }
        )

    @staticmethod
    def refused(status: int, message: str, **headers: str) -> Response:
        """An error as OpenAI-compatible servers send it."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse({"error": {"message": message}}, status, names)

    async def silence(self) -> Response:
        """Says nothing until the test is over."""
        await self.over.wait()
        return self.said("too late")


@pytest.fixture
async def endpoint() -> AsyncIterator[ScriptedEndpoint]:
    listener = socket.create_server(("127.0.0.1", 0))
    served = ScriptedEndpoint(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    app = Starlette(routes=[Route(f"/v1/{path}", served.handle, methods=["POST"]) for path in PATHS])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield served
    served.over.set()
    server.should_exit = True
    await serving
