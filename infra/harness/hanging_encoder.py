"""Server of embeddings that gives the vectors of the texts by which it is known, and hangs on all others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from models.embedders.reference import TEXTS

_VECTOR = [1.0, 0.0, 0.0, 0.0]


@contextmanager
def hanging_encoder() -> Iterator[str]:
    """What a task's `embedder` says to use it."""
    is_over = threading.Event()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
            if not set(asked["input"]) <= set(TEXTS):
                is_over.wait()
            rows = [{"index": number, "embedding": _VECTOR} for number in range(len(asked["input"]))]
            body = msgspec.json.encode({"data": rows})
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            """Nothing: the standard error belongs to others."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"endpoint:http://127.0.0.1:{server.server_port}/v1#hangs"
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()
