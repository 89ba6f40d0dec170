"""A decision model's probabilities are the vector, and an answer without them is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.embedders.decision_model import LEAST
from models.embedders.loader import open_embedder
from models.embedders.prompt import Prompt
from models.errors import EmbedderError, TextRefused
from tests.embeddings import Answer, EmbeddingServer, shares

LABELS = ("refund", "track")
PROMPT = Prompt.from_instruction(
    "Choose:\n{labels}", LABELS, {"refund": "wants money back"}, [("pay", "refund")]
)
KINDS = ("decisions", "systemone")


@pytest.mark.parametrize("kind", KINDS)
def test_the_vector_is_what_the_model_thinks_of_each_label(kind: str) -> None:
    with EmbeddingServer() as server:
        rows = open_embedder(f"{kind}:{server.url}#quick", PROMPT).embed(["where is it?", ""])
        asked = server.calls[-1]
    for text, row in zip(("where is it?", " "), rows, strict=True):
        np.testing.assert_allclose(row, np.log(list(shares(text, LABELS).values())), rtol=1e-6)
    question = asked["questions"][0] if kind == "decisions" else asked["questions"]["label"]
    assert question["instructions"] == "Choose:\nrefund\ntrack\n\nMessage: pay\nLabel: refund"
    if kind == "decisions":
        described = {"value": "refund", "description": "wants money back"}
        assert question["choices"] == [described, {"value": "track"}]
    else:
        assert question["criteria"] == {"refund": "wants money back", "track": "track"}


def test_a_label_that_the_model_leaves_out_is_as_unlikely_as_can_be() -> None:
    with EmbeddingServer() as server:
        encoder = open_embedder(f"systemone:{server.url}#quick", PROMPT)
        server.decide = lambda _: (200, {"answers": {"label": {"probabilities": {"track": 1.5}}}})
        np.testing.assert_allclose(encoder.embed(["a"]), [[np.log(LEAST), 0.0]], rtol=1e-6)


NONE: dict[str, Any] = {"answers": [{"type": "choice", "choice": "track"}]}
FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Answer], str]] = {
    "no probabilities": (lambda _: (200, NONE), "no probabilities of the labels"),
    "no answer": (lambda _: (200, {"answers": []}), "response is no decision"),
    "another shape": (lambda _: (200, {"data": []}), "response is no decision"),
    "no JSON": (lambda _: (200, b"<html>"), "response is no decision"),
    "not there": (lambda _: (404, {}), "check the address"),
    "no such key": (lambda _: (401, {}), "EMBEDDINGS_API_KEY"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_decision_is_refused_with_what_to_do(fault: str) -> None:
    answer, says = FAULTS[fault]
    with EmbeddingServer() as server:
        encoder = open_embedder(f"decisions:{server.url}#quick", PROMPT)
        server.decide = answer
        with pytest.raises(EmbedderError, match=says):
            encoder.embed(["a"])
        with pytest.raises(EmbedderError, match=says):
            open_embedder(f"decisions:{server.url}#quick", PROMPT)


def test_a_text_that_is_refused_at_any_length_is_refused_alone() -> None:
    with EmbeddingServer() as server:
        encoder = open_embedder(f"decisions:{server.url}#quick", PROMPT)
        server.decide = lambda _: (400, {"error": {"message": "never"}})
        with pytest.raises(TextRefused):
            encoder.embed(["a" * 5_000])


@pytest.mark.parametrize("labels", [(), ("one",), tuple(map(str, range(256)))])
def test_it_takes_as_many_labels_as_the_apis_do(labels: tuple[str, ...]) -> None:
    with pytest.raises(EmbedderError, match=rf"has {len(labels)} labels, must be 2 to 255"):
        open_embedder("decisions:http://localhost:1/v1#m", Prompt.of("{text}", labels))


def test_other_labels_or_meanings_are_another_encoder() -> None:
    prompts = [
        Prompt.from_instruction("a", ("x", "y")),
        Prompt.from_instruction("a", ("x", "z")),
        Prompt.from_instruction("b", ("x", "y")),
        Prompt.from_instruction("a", ("x", "y"), {"x": "z"}),
    ]
    assert len({prompt.question_hash for prompt in prompts}) == len(prompts)
