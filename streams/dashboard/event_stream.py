"""Event stream: a response that goes on until the client or the server ends it."""

from collections.abc import AsyncGenerator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_HEADERS = {
    "cache-control": "no-store",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
    "x-accel-buffering": "no",  # a proxy in front must not hold events back
}


class EventStream(StreamingResponse):
    """Args:
    events: each as it is sent; closed at the end, however that comes.
    ended: called then.
    coding: how the events are packed; None: not at all.
    """

    def __init__(
        self, events: AsyncGenerator[bytes, None], ended: Callable[[], None], coding: str | None = None
    ) -> None:
        headers = _HEADERS if coding is None else _HEADERS | {"content-encoding": coding}
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self._events = events
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()
            await self._events.aclose()
