"""The load counts what was answered well, and connects again where a server closes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.bench.gateway.load import LoadJob, LoadResult, requests_in, run


class _Handler(BaseHTTPRequestHandler):
    """Says what it was told last; 404 to `b`."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(404 if body == b"b" else 200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"marked!")

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _KeepsConnections(_Handler):
    protocol_version = "HTTP/1.1"


@contextmanager
def serving(handler: type[_Handler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def loaded(tmp_path: Path, port: int, bodies: str, marker: str, rate: float | None) -> LoadResult:
    file = tmp_path / "bodies"
    file.write_text(bodies)
    job = LoadJob(port, "/", str(file), marker, 2, rate, seconds=0.3, warm_up=0.1)
    return asyncio.run(run(job))


@pytest.mark.parametrize("handler", [_Handler, _KeepsConnections])
@pytest.mark.parametrize("rate", [None, 200.0])
def test_all_calls_are_answered(tmp_path: Path, handler: type[_Handler], rate: float | None) -> None:
    with serving(handler) as port:
        result = loaded(tmp_path, port, "a", "marked", rate)
    assert (result.failed, result.calls > 0, result.p50 <= result.p99 <= result.p999) == (0, True, True)


def test_refusals_and_strange_answers_fail(tmp_path: Path) -> None:
    with serving(_KeepsConnections) as port:
        refused = loaded(tmp_path, port, "a\nb", "marked", 200.0)
        strange = loaded(tmp_path, port, "a", "other", 200.0)
    assert refused.failed in (refused.calls // 2, (refused.calls + 1) // 2)
    assert (strange.failed, strange.rate) == (strange.calls, 0.0)


def test_a_request_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "bodies"
    file.write_text('{"text":"a"}\n{"text":"bc"}')
    first, second = requests_in(LoadJob(1, "/x", str(file), "", 1))
    assert first.startswith(b"POST /x HTTP/1.1\r\n")
    assert second.endswith(b'content-length: 13\r\n\r\n{"text":"bc"}')
