"""A real HTTP endpoint of an LLM that repeats the key it was sent, in each of the ways that endpoints do."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

ECHOES = ("refused", "rejected", "long", "inside", "babbling", "page")
"""Models that never answer with a label."""


@dataclass
class EchoingLlm:
    """Attributes:
    url: base URL of its API.
    heard: headers of every call, as text.
    """

    url: str
    heard: list[str] = field(default_factory=list)


@contextmanager
def echoing_llm(answer: Callable[[str], str]) -> Iterator[EchoingLlm]:
    """An endpoint that answers a text with its label, save for the models of `ECHOES`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            llm.heard.append(str(self.headers))
            key = self.headers.get("authorization", "").partition(" ")[2]
            status, body = _reply(asked, key, answer)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if status >= 400:
                self.send_header("x-refused-key", key)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what fails."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    llm = EchoingLlm(f"http://127.0.0.1:{server.server_port}/v1")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield llm
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _reply(asked: Mapping[str, Any], key: str, answer: Callable[[str], str]) -> tuple[int, bytes]:
    """Where a message is cut off for its length, the key stands across the cut."""
    text = str(asked["messages"][-1]["content"])
    match asked["model"]:
        case "refused":
            return _error(401, f"Incorrect API key provided: {key}")
        case "rejected":
            return _error(400, f"the key {key} may not ask that; you sent Authorization: Bearer {key}")
        case "long":
            return _error(400, f"{'x' * 290} {key} {key}")
        case "inside":
            return 200, json.dumps({"error": {"code": 400, "message": f"{'x' * 60}{key}"}}).encode()
        case "babbling":
            return 200, _completion(asked, f"{'I can not say. ' * 4}{key}")
        case "page":
            return 200, f"<html>{'x' * 50}{key}</html>".encode()
        case _:
            return 200, _completion(asked, answer(text))


def _error(status: int, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()


def _completion(asked: Mapping[str, Any], said: str) -> bytes:
    message = {"role": "assistant", "content": said}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked["model"]}
    return json.dumps(whole | {"choices": [choice], "usage": usage}).encode()
