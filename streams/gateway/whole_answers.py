"""Whole answers: the head of an answer goes to the kernel together with the body that is written right after.

uvicorn writes them one after the other, and uvloop would send each at once: two calls of the kernel, and a
client that wakes up for the head alone. A head whose body comes later does not wait for it.
"""

import asyncio
from typing import Any

_ANSWER = b"HTTP/1.1 "


class WholeAnswers:
    """A transport in front of another one, used on the event loop only."""

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop, self._transport = loop, transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not data:
            return  # asyncio's own loop would try to send an empty part of several for ever
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(_ANSWER):
            self._head = data
            self._loop.call_soon(self._send_head)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        """Send the head, unless the client has gone: uvloop fails on what is written after that."""
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)
