"""A hostile client gets nothing but a refusal: no header of its own, no other path, no hint at a key."""

import hmac
from typing import Any

import pytest

from models.features import Features
from models.policy import Scores
from streams.gateway import keys
from streams.gateway.keys import create_key, find_key
from tests.streams.fakes import ScriptedPolicy
from tests.streams.gateway.harness import UNSURE, YES, running
from tests.streams.gateway.scripted_llm import scripted_llm
from tests.streams.gateway.test_limits import HEAD, said

TOKEN, KEY = create_key("app", ("t",), "serve", 1)
SPLIT = "yes\r\nset-cookie: a=b"
END = "connection: close\r\n\r\n"


class SplittingPolicy(ScriptedPolicy):
    """Its label and its version break lines."""

    def __init__(self) -> None:
        super().__init__(labels=(SPLIT, "no"), version="v\r\nset-cookie: a=b")

    def score(self, features: Any, embed: Any = None) -> Any:
        texts = [text.replace("yes", "no") for text in features.texts]
        scores = super().score(Features(texts=texts), embed)
        return Scores(scores.label * 0, scores.score, scores.novelty)


async def test_a_flood_of_headers_is_refused() -> None:
    flood = b"".join(b"x-%d: y\r\n" % number for number in range(9_000))
    async with running(ScriptedPolicy()) as gateway:
        answer = await said(gateway, HEAD + flood)
        assert (await gateway.classify(YES)).status_code == 200
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_label_and_a_version_add_no_header() -> None:
    async with scripted_llm() as llm:
        llm.says("no")
        chat = {"mode": "shadow"}
        teacher = {"url": llm.url, "model": "m"}
        async with running(SplittingPolicy(), config={"chat": chat, "teacher": teacher}) as gateway:
            messages = [{"role": "system", "content": "?"}, {"role": "user", "content": YES}]
            asked = {"model": "understudy/t", "messages": messages}
            shadow = await gateway.http.post("/v1/chat/completions", json=asked)
            answer = await gateway.classify(YES)
            later = await gateway.http.get("/v1/labels/a%0D%0Ab?task=t")
    assert answer.json()["label"] == SPLIT
    assert answer.headers["x-understudy-policy"] == "v%0D%0Aset-cookie%3A%20a%3Db"
    assert shadow.headers["x-understudy-shadow"] == "yes%0D%0Aset-cookie%3A%20a%3Db"
    assert all("set-cookie" not in one.headers for one in (answer, shadow, later))


@pytest.mark.parametrize(
    "name", ["understudy/a\r\nset-cookie: b=c", "understudy/../t", "understudy/", "understudy/" + "t" * 999]
)
async def test_a_model_names_no_task_that_is_none(name: str) -> None:
    async with running(ScriptedPolicy()) as gateway:
        asked = {"model": name, "messages": [{"role": "user", "content": YES}]}
        answer = await gateway.http.post("/v1/chat/completions", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"[]", b'{"model": "understudy/t", "seed": NaN}', b"\xff\xfe{"])
async def test_a_body_that_can_not_be_read_is_said_to_be_so(body: bytes) -> None:
    async with running(ScriptedPolicy()) as gateway:
        headers = {"content-type": "application/json"}
        answer = await gateway.http.post("/v1/chat/completions", content=body, headers=headers)
    assert (answer.status_code, "can't be read" in answer.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/classify/", 404),
        ("//v1/classify", 404),
        ("/v1/classify%00", 404),
        ("/v1/%2e%2e/v1/classify", 404),
        ("/v1/CLASSIFY", 404),
        ("http://evil.example/v1/models", 403),
        ("/v1/models/understudy%2f..%2ft", 404),
        ("*", 404),
    ],
)
async def test_a_strange_path_leads_nowhere(path: str, status: int) -> None:
    """Not even elsewhere: a redirect would name the host that the caller made up."""
    async with running(ScriptedPolicy()) as gateway:
        host = "evil.example" if path.startswith("http") else "localhost"
        answer = await said(gateway, f"GET {path} HTTP/1.1\r\nhost: {host}\r\n{END}".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"location" not in answer


async def test_a_body_without_a_key_is_not_read() -> None:
    async with running(ScriptedPolicy(), body_timeout=600.0) as gateway:
        gateway.keys = {KEY.id: KEY}
        answer = await said(gateway, HEAD + b"content-length: 900000\r\nconnection: close\r\n\r\n{")
        assert not gateway.limits.held
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "token",
    [TOKEN, TOKEN[:-1] + "!", f"us_{'0' * 8}_{TOKEN[12:]}", "", "us_"],
    ids=["known", "another secret", "unknown id", "empty", "prefix"],
)
def test_each_token_is_compared_alike(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the time tells nothing of an id or of a part of a secret."""
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(keys, "hmac", type("Hmac", (), {"compare_digest": staticmethod(compare)}))
    assert (find_key(token, {KEY.id: KEY}) is not None) == (token == TOKEN)
    assert [(len(one), len(other)) for one, other in compared] == [(64, 64)]


@pytest.mark.parametrize(
    "length", ["content-length: 5\r\ntransfer-encoding: chunked", "content-length: 5, 6"]
)
async def test_a_body_of_two_lengths_hides_no_second_call(length: str) -> None:
    hidden = "0\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
    async with running(ScriptedPolicy()) as gateway:
        answer = await said(gateway, HEAD + f"{length}\r\n{END}{hidden}".encode())
        assert (await gateway.classify(UNSURE, timeout=0.01)).status_code == 504
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ")
