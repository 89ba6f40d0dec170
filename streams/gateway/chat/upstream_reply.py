"""Upstream reply: what the LLM said, read out of its whole or streamed chat completion."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import Struct

from schemas.messages import Usage
from streams.errors import UnreadableAnswer
from streams.gateway.chat.forms import AssistantMessage, ToolCall
from streams.spending.cost import plausible

LARGEST = 1_000_000
"""Bytes of a reply that is read; a label is short."""
_EVENT = b"data:"
_DONE = b"[DONE]"


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Tool(Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _MessagePart(Struct):
    """A message, or what a chunk adds to it."""

    content: str | None = None
    tool_calls: list[_Tool] | None = None


class _CompletionChoice(Struct):
    message: _MessagePart | None = None
    delta: _MessagePart | None = None
    finish_reason: str | None = None


class _Cached(Struct):
    cached_tokens: int | None = None


class _TokenCounts(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None


class _Body(Struct):
    choices: list[_CompletionChoice] = []
    usage: _TokenCounts | None = None


class UpstreamReply(NamedTuple):
    """What was said.

    Attributes:
        usage: tokens that it cost, where they are known.
        confidence: probability of the label in [0, 1], where the API says it.
    """

    message: AssistantMessage
    usage: Usage | None
    confidence: float | None = None


def plain_body(body: bytes, encoding: str) -> bytes:
    """A response's body without its coding, at most `LARGEST` bytes of it.

    Args:
        encoding: the header `content-encoding`.

    Raises:
        UnreadableAnswer: it is none, or of a coding that is not read here.
    """
    try:
        return _decompress(body, encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableAnswer(f"the reply can't be decompressed: {error}") from error


def read_completion(plain: bytes) -> UpstreamReply:
    """What a chat completion says, whole or streamed.

    Raises:
        UnreadableAnswer: it is no completion of one choice, or not a whole one.
    """
    try:
        is_whole = plain.lstrip().startswith(b"{")  # a stream may begin with comments, too
        bodies = [_decode(plain)] if is_whole else list(_events(plain))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableAnswer(f"the reply is no chat completion: {error}") from error
    parts = [part for one in bodies for choice in one.choices if (part := choice.message or choice.delta)]
    finish = next(
        (choice.finish_reason for one in bodies for choice in one.choices if choice.finish_reason), None
    )
    if finish not in ("stop", "tool_calls", "function_call"):
        raise UnreadableAnswer(f"the reply is not whole: it ends with {finish!r}")
    usage = next((one.usage for one in reversed(bodies) if one.usage is not None), None)
    return UpstreamReply(AssistantMessage(_content(parts), _tool(parts), finish), _usage(usage))


def _events(body: bytes) -> Iterator[_Body]:
    for line in body.splitlines():
        content = line[len(_EVENT) :].strip() if line.startswith(_EVENT) else b""
        if content and content != _DONE:
            yield _decode(content)


def _content(parts: list[_MessagePart]) -> str | None:
    said = [part.content for part in parts if part.content is not None]
    return "".join(said) if said else None


def _tool(parts: list[_MessagePart]) -> ToolCall | None:
    """The one function that is called."""
    functions = [tool.function for part in parts for tool in part.tool_calls or ()]
    names = [function.name for function in functions if function.name]
    if not names:
        return None
    if len(names) > 1:
        raise UnreadableAnswer(f"the model called {len(names)} functions")
    return ToolCall(names[0], "".join(function.arguments or "" for function in functions))


def _usage(found: _TokenCounts | None) -> Usage | None:
    if found is None:
        return None
    details = found.prompt_tokens_details
    cached = details.cached_tokens if details else None
    return plausible(Usage(found.prompt_tokens, found.completion_tokens, cached or 0))


def _decompress(body: bytes, encoding: str) -> bytes:
    """At most `LARGEST` bytes. Raises OSError: a coding that is not read here."""
    if encoding in ("", "identity"):
        return body
    if encoding == "gzip":
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            return file.read(LARGEST)
    raise OSError(f"content-encoding {encoding} is not read")


_decode = msgspec.json.Decoder(_Body).decode
