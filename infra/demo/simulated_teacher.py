"""Simulated LLM behind a real OpenAI-compatible endpoint on loopback: slow, and sometimes failing.

It takes time like a model, is wrong now and then, and refuses some calls with 429 or 500, so that the client
really waits and retries. Token counts are estimated at four characters each.
"""

import asyncio
import math
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec
import uvicorn
from msgspec import UNSET, Struct, UnsetType
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

_CHARACTERS_A_TOKEN = 4
_NOBODY_LISTENS = 499
_CHECKSUMS = 2**32


@dataclass(frozen=True, slots=True)
class TeacherBehaviour:
    """Speed and faults of the teacher.

    Attributes:
        latency: median seconds for an answer; log-normal, >= 0.
        spread: standard deviation of the logarithm of the latency, >= 0.
        wrong: share of answers with a label drawn at random, 0..1.
        throttled: share of calls refused with 429 and `Retry-After: 1`, 0..1.
        failing: share of calls that end in a 500, 0..1.
        filtered: share of texts that its content filter refuses, each time with the same 400, 0..1.
        per_second: calls that it allows a second, and at once; others are refused with 429. None: any.
    """

    latency: float = 0.3
    spread: float = 0.4
    wrong: float = 0.01
    throttled: float = 0.005
    failing: float = 0.005
    filtered: float = 0.0
    per_second: float | None = None


class _PromptMessage(Struct):
    role: str
    content: str


class _ResponseFormat(Struct):
    type: str


class _PromptQuestion(Struct):
    model: str
    messages: list[_PromptMessage]
    response_format: _ResponseFormat | UnsetType | None = UNSET


class SimulatedTeacher:
    """A running teacher; any process on this machine can ask it.

    Attributes:
        url: base URL of its API, `http://127.0.0.1:<port>/v1`.
        refused: calls beyond its rate so far.
    """

    def __init__(
        self,
        answer: Callable[[str], str],
        labels: Sequence[str],
        behaviour: TeacherBehaviour | None = None,
        seed: int = 0,
    ) -> None:
        """Serve `answer`, a function of the last user message, called from the server's thread.

        Args:
            labels: a wrong answer is one of them.
            behaviour: its speed and faults.
            seed: of latencies, wrong answers and failures, in the order in which calls arrive.
        """
        self._answer = answer
        self._labels = tuple(labels)
        self._behaviour = behaviour or TeacherBehaviour()
        self._random = random.Random(seed)
        self.refused = 0
        self._allowed, self._filled_at = self._behaviour.per_second or 0.0, time.monotonic()
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
        """Finish the calls in progress, for at most a second, and end."""
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
            question = msgspec.json.decode(await request.body(), type=_PromptQuestion)
        except ClientDisconnect:
            return Response(status_code=_NOBODY_LISTENS)
        except msgspec.DecodeError as error:
            return _error(400, f"not a chat completion request: {error}")
        contents = [message.content for message in question.messages if message.role == "user"]
        if not contents:
            return _error(400, "`messages` has none of role `user`")
        return await self._reply(question, contents[-1])

    async def _reply(self, question: _PromptQuestion, text: str) -> Response:
        chance = self._random.random()
        if chance < self._behaviour.throttled or not self._has_room():
            return _error(429, "slow down", {"Retry-After": "1"})
        await asyncio.sleep(self._random.lognormvariate(0, self._behaviour.spread) * self._behaviour.latency)
        if chance < self._behaviour.throttled + self._behaviour.failing:
            return _error(500, "the model has failed")
        if zlib.crc32(text.encode()) < self._behaviour.filtered * _CHECKSUMS:
            return _error(400, "the content filter refused the text")
        return _json(_completion(question, self._answer_text(question, text)))

    def _has_room(self) -> bool:
        """Take a token from the bucket of allowed calls."""
        rate = self._behaviour.per_second
        if rate is None:
            return True
        now = time.monotonic()
        self._allowed = min(rate, self._allowed + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._allowed < 1.0:
            self.refused += 1
            return False
        self._allowed -= 1.0
        return True

    def _answer_text(self, question: _PromptQuestion, text: str) -> str:
        wrong = self._random.random() < self._behaviour.wrong
        label = self._random.choice(self._labels) if wrong else self._answer(text)
        structured = question.response_format and question.response_format.type == "json_schema"
        return msgspec.json.encode({"label": label}).decode() if structured else label


def _completion(question: _PromptQuestion, answer: str) -> dict[str, object]:
    prompt = sum(_tokens(message.content) for message in question.messages)
    completion = _tokens(answer)
    return {
        "id": f"chatcmpl-{time.time_ns():x}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": question.model,
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}},
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }


def _tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_A_TOKEN)


def _error(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    kind = "invalid_request_error" if status == 400 else "server_error"
    return _json({"error": {"message": why, "type": kind, "param": None, "code": None}}, status, headers)


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
