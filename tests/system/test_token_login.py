"""Workers log in at Kafka with tokens that end: those of a provider (OIDC), or signed as for Amazon MSK.

The broker takes tokens that nobody has signed, so that a signer and a provider of our own can make them.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.local.errors import LocalServerError
from tests.conftest import _unavailable
from tests.system.deployment import Deployment
from tests.system.secured import HOST, USER, secured_deployment
from tests.system.wishes import TASK, meant, publish, wishes

LIFE = 20
"""Seconds that a token is good for; workers run for longer."""
SCRAM = ("SECURITY_PROTOCOL", "SASL_MECHANISMS", "SASL_USERNAME", "SASL_PASSWORD")


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment that says nothing of how to log in."""
    try:
        with secured_deployment(tmp_path, secrets.token_hex(16), secrets.token_hex(16)) as made:
            for name in SCRAM:
                del made.environment[f"UNDERSTUDY_KAFKA__{name}"]
            yield made
    except LocalServerError as problem:
        _unavailable(problem)


def token() -> str:
    now = int(time.time())
    claims = {"sub": USER, "iat": now, "exp": now + LIFE}
    parts = ({"alg": "none"}, claims)
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        + "."
    )


_SIGNER = f"""
import base64, json, time

class MSKAuthTokenProvider:
    def generate_auth_token(region):
        assert region == "eu-central-1"
        ends = int(time.time()) + {LIFE}
        parts = {{"alg": "none"}}, {{"sub": "{USER}", "iat": ends - {LIFE}, "exp": ends}}
        texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join(texts) + ".", ends * 1000
"""


class Provider(BaseHTTPRequestHandler):
    """Gives a token to whoever has the client's secret."""

    def do_POST(self) -> None:
        given = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        answer = json.dumps({"access_token": token(), "token_type": "Bearer", "expires_in": LIFE}).encode()
        self.send_response(200 if given == "app:hush-hush" else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def provider() -> Iterator[str]:
    """The URL of its tokens."""
    server = ThreadingHTTPServer((HOST, 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/token"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_workers_log_in_with_tokens_of_a_provider(secured: Deployment) -> None:
    with provider() as url:
        secured.environment |= {
            "UNDERSTUDY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "UNDERSTUDY_KAFKA__SASL_MECHANISMS": "OAUTHBEARER",
            "UNDERSTUDY_KAFKA__SASL_OAUTHBEARER_METHOD": "oidc",
            "UNDERSTUDY_KAFKA__SASL_OAUTHBEARER_CLIENT_ID": "app",
            "UNDERSTUDY_KAFKA__SASL_OAUTHBEARER_CLIENT_SECRET": "hush-hush",
            "UNDERSTUDY_KAFKA__SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": url,
        }
        assert_requests_are_answered(secured)


def test_workers_log_in_as_at_amazon_msk(secured: Deployment, tmp_path: Path) -> None:
    signer = tmp_path / "signer"
    signer.mkdir()
    (signer / "aws_msk_iam_sasl_signer.py").write_text(_SIGNER)
    path = secured.variables().get("PYTHONPATH", "")
    secured.environment |= {"UNDERSTUDY_MSK_REGION": "eu-central-1", "PYTHONPATH": f"{signer}:{path}"}
    assert_requests_are_answered(secured)


def assert_requests_are_answered(secured: Deployment) -> None:
    """For longer than a token is good for."""
    created = secured.run("topics", "create")
    assert created.returncode == 0, created.stderr
    publish(secured)
    secured.configure(TASK, threshold=0.5, audit_rate=0.0)
    worker, began = secured.worker("route"), time.monotonic()
    asked = iter(wishes(1_000, "asked"))
    while time.monotonic() - began < LIFE + 5.0:
        one = next(asked)
        done = secured.run("ask", "--task", TASK, "--json", one.text or "")
        assert done.returncode == 0, done.stderr
        label = json.loads(done.stdout)
        assert (label["label"], label["source"]) == (meant(one.text), "surrogate")
    assert worker.stop() == 0, worker.output()
