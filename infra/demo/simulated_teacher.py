"""A stand-in for an LLM behind a real OpenAI-compatible endpoint on loopback: slow, and not always there.

It takes time like a model, is wrong now and then, and turns some calls away with 429 or 500, so that the
client's waiting and retrying are the real thing. Token counts are estimated at four characters each.
"""

import asyncio
import math
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec
import uvicorn
from msgspec import UNSET, Struct, UnsetType
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class TeacherBehaviour:
    """How the teacher behaves.

    Attributes:
        latency: median seconds for an answer; log-normal, >= 0.
        spread: standard deviation of the logarithm of the latency, >= 0.
        wrong: share of answers with a label drawn at random, 0..1.
        throttled: share of calls turned away with 429 and `Retry-After: 1`, 0..1.
        failing: share of calls that end in a 500, 0..1.
    """

    latency: float = 0.3
    spread: float = 0.4
    wrong: float = 0.01
    throttled: float = 0.005
    failing: float = 0.005


class _ChatMessage(Struct):
    role: str
    content: str


class _Format(Struct):
    type: str


class _Question(Struct):
    model: str
    messages: list[_ChatMessage]
    response_format: _Format | UnsetType | None = UNSET


class SimulatedTeacher:
    """A teacher that is running; ask it from any process on this machine.

    Attributes:
        url: base URL of its API, `http://127.0.0.1:<port>/v1`.
    """

    def __init__(
        self,
        answer: Callable[[str], str],
        labels: Sequence[str],
        manners: TeacherBehaviour | None = None,
        seed: int = 0,
    ) -> None:
        """Serve `answer`, a function of the last user message, called from the server's thread.

        Args:
            labels: what a wrong answer is drawn from.
            manners: how slow, wrong and unreliable it is.
            seed: of latencies, wrong answers and failures, in the order in which calls arrive.
        """
        self._answer = answer
        self._labels = tuple(labels)
        self._manners = manners or TeacherBehaviour()
        self._random = random.Random(seed)
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        app = Starlette(routes=[Route("/v1/chat/completions", self._completion, methods=["POST"])])
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        run = self._server.run
        self._thread = threading.Thread(
            target=run, args=([listening],), name="simulated-teacher", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being answered, for at most a second, and end."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _completion(self, request: Request) -> Response:
        try:
            question = msgspec.json.decode(await request.body(), type=_Question)
        except msgspec.DecodeError as problem:
            return _refused(400, f"not a chat completion request: {problem}")
        asked = [message.content for message in question.messages if message.role == "user"]
        if not asked:
            return _refused(400, "`messages` has none of role `user`")
        return await self._reply(question, asked[-1])

    async def _reply(self, question: _Question, asked: str) -> Response:
        fate = self._random.random()
        if fate < self._manners.throttled:
            return _refused(429, "slow down", {"Retry-After": "1"})
        await asyncio.sleep(self._random.lognormvariate(0, self._manners.spread) * self._manners.latency)
        if fate < self._manners.throttled + self._manners.failing:
            return _refused(500, "the model is not well")
        return _json(_completion(question, self._said(question, asked)))

    def _said(self, question: _Question, asked: str) -> str:
        wrong = self._random.random() < self._manners.wrong
        label = self._random.choice(self._labels) if wrong else self._answer(asked)
        structured = question.response_format and question.response_format.type == "json_schema"
        return msgspec.json.encode({"label": label}).decode() if structured else label


def _completion(question: _Question, said: str) -> dict[str, object]:
    prompt = sum(_tokens(message.content) for message in question.messages)
    answer = _tokens(said)
    return {
        "id": f"chatcmpl-{time.time_ns():x}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": question.model,
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}},
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
        },
    }


def _tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_A_TOKEN)


def _refused(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    kind = "invalid_request_error" if status == 400 else "server_error"
    return _json({"error": {"message": why, "type": kind, "param": None, "code": None}}, status, headers)


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
