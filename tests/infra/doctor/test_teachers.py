"""An address counts as a teacher only if it takes chat completions, whether or not it lists models."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from infra.doctor.teachers import judge_status, teacher_findings
from schemas.config import Config, config_of, parse_override
from streams.status.finding import Finding, Level
from streams.teacher.key_variables import KeyVariables

Answers = Mapping[str, tuple[int, bytes]]
BREAKS_OFF = 0
MODELS, CHAT = "GET /v1/models", "POST /v1/chat/completions"


@contextmanager
def serving(answers: Answers, asked: list[str]) -> Iterator[str]:
    """The base URL of a server that answers so, and with 404 else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = answers.get(asked[-1], (404, b""))
            if status == BREAKS_OFF:
                return
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Nothing is said of a call."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def found(answers: Answers) -> tuple[Finding, list[str]]:
    asked: list[str] = []
    with serving(answers, asked) as url:
        raw = msgspec.json.encode({"teacher": {"url": url, "model": "m"}})
        configs = {"*": Config(), "shop": config_of("shop", {"shop": parse_override(raw)})}
        (finding,) = teacher_findings(configs, KeyVariables({}, ("OPENAI_API_KEY",)))
    return finding, asked


@pytest.mark.parametrize(
    ("answers", "level", "says", "asked"),
    [
        ({MODELS: (200, b'{"data": []}')}, Level.OK, "answers (status 200)", [MODELS]),
        ({MODELS: (501, b""), CHAT: (400, b"{}")}, Level.OK, "answers", [MODELS, CHAT]),
        ({MODELS: (501, b""), CHAT: (501, b"")}, Level.PROBLEM, "takes no chat completions", [MODELS, CHAT]),
        ({CHAT: (BREAKS_OFF, b"")}, Level.WARNING, "breaks off a question", [MODELS, CHAT]),
        ({}, Level.PROBLEM, "often ends in /v1", [MODELS, CHAT]),
        ({MODELS: (200, b"<html>"), CHAT: (405, b"")}, Level.PROBLEM, "(status 405)", [MODELS, CHAT]),
        ({MODELS: (401, b"")}, Level.PROBLEM, "refuses the key in OPENAI_API_KEY", [MODELS]),
        ({MODELS: (429, b"")}, Level.WARNING, "raise its quota", [MODELS]),
    ],
)
def test_what_takes_no_chat_completions_is_no_teacher(
    answers: Answers, level: Level, says: str, asked: list[str]
) -> None:
    finding, calls = found(answers)
    assert (finding.level, calls) == (level, asked)
    assert says in finding.text
    assert "of task shop" in finding.text


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (301, Level.WARNING),
        (403, Level.PROBLEM),
        (422, Level.OK),
        (500, Level.WARNING),
        (503, Level.PROBLEM),
    ],
)
def test_each_status_has_its_words(status: int, level: Level) -> None:
    judged, text = judge_status(status, "KEY")
    assert judged is level
    assert status == 422 or f"(status {status}): " in text
