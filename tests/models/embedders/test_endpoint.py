"""Encoders behind HTTP: incomplete responses are errors, failures are retried, refused texts are cut."""

from typing import Any

import numpy as np
import pytest

from models.embedders.endpoint import CHARACTERS_AT_ONCE, KEY, TEXTS_AT_ONCE, EndpointEmbedder
from models.embedders.loader import open_embedder
from models.embedders.prompt import Prompt
from models.errors import EmbedderError, TextRefused
from tests.embeddings import LONGEST, Answer, EmbeddingServer, fitting, vector


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    with EmbeddingServer() as running:
        yield running


def opened(server: EmbeddingServer) -> EndpointEmbedder:
    found = EndpointEmbedder.open(f"{server.url}#small")
    server.calls.clear()
    return found


def test_batches_keep_the_order_of_texts(
    server: EmbeddingServer,
) -> None:
    embedder = opened(server)
    texts = [f"text {number}" for number in range(3 * TEXTS_AT_ONCE + 1)]
    np.testing.assert_allclose(embedder.embed(texts), [vector(text) for text in texts], atol=1e-6)
    assert sorted(len(call["input"]) for call in server.calls) == [1, *[TEXTS_AT_ONCE] * 3]
    assert {call["model"] for call in server.calls} == {"small"}
    server.calls.clear()
    embedder.embed(["x" * (LONGEST - 1)] * 60)
    assert all(sum(map(len, call["input"])) <= CHARACTERS_AT_ONCE for call in server.calls)


def test_only_a_text_that_is_too_long_is_cut(
    server: EmbeddingServer,
) -> None:
    rows = opened(server).embed(["short", "x" * 4 * LONGEST, "", "other"])
    expected = [vector(text) for text in ("short", "x" * LONGEST, " ", "other")]
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_a_probe_s_text_is_cut_inside_its_prompt(server: EmbeddingServer) -> None:
    prompt = Prompt.of("Yes or no? {text}\nAnswer:", ())
    rows = EndpointEmbedder.open_probe(f"{server.url}#llm", prompt).embed(["x" * 2 * LONGEST, "fine"])
    cut = f"Yes or no? {'x' * (LONGEST // 2)}\nAnswer:"
    np.testing.assert_allclose(rows, [vector(cut), vector("Yes or no? fine\nAnswer:")], atol=1e-6)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_may_pass_is_tried_again(server: EmbeddingServer, status: int) -> None:
    embedder = opened(server)
    faults: list[Answer] = [(status, {"error": {"message": "not now"}})] * 2
    server.answer = lambda body: faults.pop() if faults else fitting(body)
    assert embedder.embed(["a"]).shape == (1, embedder.dimension)
    assert len(server.calls) == 3


def items(*rows: list[Any], start: int = 0) -> dict[str, Any]:
    return {"data": [{"index": start + at, "embedding": row} for at, row in enumerate(rows)]}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((503, {"error": {"message": "busy"}}), "HTTP 503 (Error code: 503"),
        ((401, {"error": {"message": "no"}}), f"check the key in {KEY}"),
        ((404, {}), "which often ends in /v1, and the model"),
        ((400, {"error": {"message": "never"}}), "HTTP 400"),
        ((200, b"<html>"), "not a list of embeddings"),
        ((200, {"data": [{"embedding": [1.0]}]}), "not a list of embeddings"),
        ((200, items([[1.0] * 8], [[1.0] * 8])), "have the server pool one of them"),
        ((200, items()), "0 embeddings for 2 texts"),
        ((200, items([1.0] * 8, [1.0] * 8, start=1)), "2 embeddings for 2 texts, not one each"),
        ((200, items([1.0] * 8, [1.0] * 7)), "different lengths"),
        ((200, items([1.0] * 7, [1.0] * 7)), "shape [2, 7], must be [2, 8]"),
        ((200, items([1.0] * 8, [1e39] * 8)), "the vector of text 1 is not finite"),
    ],
)
def test_an_incomplete_response_is_an_error(server: EmbeddingServer, answer: Answer, says: str) -> None:
    embedder = opened(server)
    server.answer = lambda _body: answer
    with pytest.raises(EmbedderError) as failed:
        embedder.embed(["a", "b"])
    assert says in str(failed.value)
    assert "small at 127.0.0.1" in str(failed.value)


def test_a_refused_text_is_not_a_failure(server: EmbeddingServer) -> None:
    embedder = opened(server)
    server.answer = lambda body: (422, {}) if any("bad" in text for text in body["input"]) else fitting(body)
    with pytest.raises(TextRefused, match="text refused: HTTP 422"):
        embedder.embed(["fine", "bad" * 100])
    assert embedder.embed(["fine"]).shape == (1, embedder.dimension)


def test_the_key_comes_from_the_environment(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")
    opened(server)
    assert server.keys == ["Bearer secret"]


def test_an_unreachable_server_is_named() -> None:
    with pytest.raises(EmbedderError, match=r"no connection .*check the address"):
        open_embedder("endpoint:http://127.0.0.1:1/v1#small")
