"""A server of `/v1/embeddings` and APIs for decisions on this host: deterministic, and faulty to order."""

import hashlib
import json
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

WIDTH = 8
LONGEST = 3_000
"""Characters of an input that the server takes."""

Answer = tuple[int, Any]


def vector(text: str) -> list[float]:
    """Another one for another text."""
    digest = hashlib.sha256(text.encode()).digest()
    return [byte / 255 - 0.5 for byte in digest[:WIDTH]]


def fitting(body: dict[str, Any]) -> Answer:
    """As a good server does: refuses what is empty or too long, and need not keep the order."""
    texts = body["input"]
    if not all(0 < len(text) <= LONGEST for text in texts):
        return 400, {"error": {"message": "an input is empty or too long"}}
    items = [{"index": place, "embedding": vector(text)} for place, text in enumerate(texts)]
    random.shuffle(items)
    return 200, {"data": items, "model": body["model"]}


def decision(body: dict[str, Any]) -> Answer:
    """The probability of each label, as `/v1/decisions` or `/v1/systemone` says it."""
    text = body["input"] if "input" in body else body["state"]
    if not 0 < len(text) <= LONGEST:
        return 400, {"error": {"message": "an input is empty or too long"}}
    if "state" in body:
        labels = list(body["questions"]["label"]["criteria"])
        answer: Any = {"label": {"type": "choice", "probabilities": shares(text, labels)}}
    else:
        labels = [choice["value"] for choice in body["questions"][0]["choices"]]
        said = [{"value": label, "probability": share} for label, share in shares(text, labels).items()]
        answer = [{"type": "choice", "choice": labels[0], "probabilities": said}]
    return 200, {"answers": answer, "model": body["model"]}


def shares(text: str, labels: Sequence[str]) -> dict[str, float]:
    """Probabilities that add up to 1."""
    drawn = [hashlib.sha256(f"{label}\0{text}".encode()).digest()[0] + 1 for label in labels]
    return {label: one / sum(drawn) for label, one in zip(labels, drawn, strict=True)}


class EmbeddingServer:
    """Serves while it is entered.

    Attributes:
        answer: what the next calls get; a test may put a fault here.
        decide: the same for calls of the APIs for decisions.
        calls: bodies of all calls, in order of arrival.
        keys: what they carried as authorisation.
    """

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Answer] = fitting
        self.decide: Callable[[dict[str, Any]], Answer] = decision
        self.calls: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "EmbeddingServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(served: EmbeddingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.calls.append(body)
            served.keys.append(self.headers["Authorization"])
            answers = {
                "/v1/embeddings": served.answer,
                "/v1/decisions": served.decide,
                "/v1/systemone": served.decide,
            }
            status, answer = answers[self.path](body) if self.path in answers else (404, {})
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            with suppress(ConnectionError):  # the client may have given up
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
