"""Answer API: how an answer of the surrogate is sent, and a reply of the LLM is read, by the call's API."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from streams.gateway.chat.completion import SurrogateCompletion
from streams.gateway.chat.upstream_reply import UpstreamReply, read_completion

JSON = "application/json"
_EVENTS = "text/event-stream"


class AnswerBody(NamedTuple):
    """Body of a response."""

    content: bytes
    media_type: str


class AnswerApi(Protocol):
    """The API that a call speaks."""

    def write(self, completion: SurrogateCompletion) -> AnswerBody:
        """The surrogate's answer."""
        ...

    def read(self, plain: bytes) -> UpstreamReply:
        """What the LLM's reply says.

        Raises:
            UnreadableAnswer: it is no whole reply.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChatCompletions:
    """OpenAI's chat completions.

    Attributes:
        streamed, with_usage: how the answer is sent.
    """

    streamed: bool
    with_usage: bool

    def write(self, completion: SurrogateCompletion) -> AnswerBody:
        if self.streamed:
            return AnswerBody(b"".join(completion.chunks(with_usage=self.with_usage)), _EVENTS)
        return AnswerBody(completion.encode(), JSON)

    def read(self, plain: bytes) -> UpstreamReply:
        return read_completion(plain)
