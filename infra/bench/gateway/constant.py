"""The gateway's own server answering a constant: `python -m infra.bench.gateway.constant FILE`.

The least that a call can cost on this server: its body is read, and that of the file is sent.
"""

import asyncio
import sys
from pathlib import Path

from starlette.types import Receive, Scope, Send

from infra.serve.worker import use_fast_loop
from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings

LISTENS = "constant listens: "


class Constant:
    """An ASGI application."""

    def __init__(self, body: bytes) -> None:
        self._body = {"type": "http.response.body", "body": body}
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        self._start = {"type": "http.response.start", "status": 200, "headers": headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        while (await receive()).get("more_body"):
            pass
        await send(self._start)
        await send(self._body)


async def serve(body: bytes) -> None:
    server = GatewayServer(Constant(body), GatewaySettings(port=0), 1.0)
    await server.start()
    sys.stdout.write(f"{LISTENS}{server.url}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    use_fast_loop()
    asyncio.get_event_loop().run_until_complete(serve(Path(sys.argv[1]).read_bytes()))
