"""Chat completions as OpenAI's API writes them: whole, or streamed as server-sent events."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from schemas.chat import ANSWER_PREFIX
from streams.gateway.chat.forms import AssistantMessage

_NO_TOKENS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_DONE = b"data: [DONE]\n\n"


class SurrogateCompletion(NamedTuple):
    """A surrogate's answer.

    Attributes:
        id: of the request.
        created: Unix seconds.
        model, fingerprint: who answered.
        score: probability that the LLM agrees, in [0, 1].
    """

    id: str
    created: int
    model: str
    fingerprint: str
    message: AssistantMessage
    score: float = 0.0

    def encode(self) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": self.message.content, "refusal": None}
        if self.message.tool is not None:
            message["tool_calls"] = [self._tool_call()]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self.message.finish,
        }
        body = self._head("chat.completion") | {"choices": [choice], "usage": _NO_TOKENS}
        return msgspec.json.encode(body)

    def chunks(self, *, with_usage: bool) -> Iterator[bytes]:
        """Server-sent events: role, content, finish, and the usage where it is wished for."""
        first: dict[str, Any] = {"role": "assistant", "content": None if self.message.tool else ""}
        if self.message.tool is None:
            rest: dict[str, Any] = {"content": self.message.content}
        else:
            call = self._tool_call()
            function = call["function"]
            named = {**call, "index": 0, "function": {**function, "arguments": ""}}
            first["tool_calls"] = [named]
            rest = {"tool_calls": [{"index": 0, "function": {"arguments": function["arguments"]}}]}
        for delta, finish in ((first, None), (rest, None), ({}, self.message.finish)):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            yield self._event([choice], {"usage": None} if with_usage else {})
        if with_usage:
            yield self._event([], {"usage": _NO_TOKENS})
        yield _DONE

    def _event(self, choices: list[Any], further: dict[str, Any]) -> bytes:
        body = self._head("chat.completion.chunk") | {"choices": choices} | further
        return b"data: " + msgspec.json.encode(body) + b"\n\n"

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"{ANSWER_PREFIX}{self.id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }

    def _tool_call(self) -> dict[str, Any]:
        tool = self.message.tool
        function = {"name": tool.name, "arguments": tool.arguments} if tool else {}
        return {"id": f"call_{self.id}", "type": "function", "function": function}
