"""A real small LLM behind HTTP: a vector of each layer, a label of the schema; a wrong set-up shows."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import openai
import pytest

from infra.harness.language_model import NAME, LanguageModel, LanguageModelServer, checkpoint_file
from models.embedders.loader import open_embedder
from models.embedders.prompt import Prompt
from models.embedders.reference import change_between, reference_vectors
from models.errors import EmbedderError
from models.language_model.checkpoint import Checkpoint, read_checkpoint
from models.language_model.decoder import Matrix
from streams.teacher.prompt import answer_format

WIDTH = 576
LABELS = ["refund", "delivery"]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    file = checkpoint_file()
    if file is None:
        pytest.skip("no SmolLM2: `make model` fetches it")
    return read_checkpoint(file)


@pytest.fixture(scope="module")
def server(checkpoint: Checkpoint) -> Iterator[LanguageModelServer]:
    with LanguageModelServer(LanguageModel(checkpoint)) as running:
        yield running


@pytest.fixture
def client(server: LanguageModelServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key="none", timeout=60, max_retries=0)


def test_each_layer_has_a_vector_of_its_own(client: openai.OpenAI) -> None:
    def vectors(model: str) -> np.ndarray:
        answered = client.embeddings.create(model=model, input=["Where is my parcel?", "I want a refund."])
        return np.array([one.embedding for one in answered.data])

    last, named, early = (vectors(model) for model in (NAME, f"{NAME}@30", f"{NAME}@10"))
    assert last.shape == (2, WIDTH)
    np.testing.assert_allclose(last, named, rtol=1e-3, atol=1e-3)
    assert np.abs(last - early).max() > 1.0


def test_its_answer_is_a_label_of_the_schema(client: openai.OpenAI) -> None:
    form = answer_format(LABELS)
    assert form is not None

    def label(text: str) -> str:
        asked = [
            {"role": "system", "content": "Is it about a refund or a delivery?"},
            {"role": "user", "content": text},
        ]
        answered = client.chat.completions.create(model=NAME, messages=asked, response_format=form)  # type: ignore[arg-type]
        said: str = json.loads(answered.choices[0].message.content or "")["label"]
        return said

    assert label("Please refund my money, I want my money back.") == "refund"
    assert label("When will the delivery truck arrive with my package?") == "delivery"


def test_what_it_can_t_read_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="the model reads 1 to 8192"):
        client.embeddings.create(model=NAME, input="")


PROMPT = Prompt.of("Is it about a refund or a delivery?\n\nMessage: {text}\nLabel:", ())


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda vector: vector[: WIDTH // 2].tolist(), f"shape [1, {WIDTH // 2}], must be [1, {WIDTH}]"),
        (lambda vector: [None, *vector[1:].tolist()], "not a list of embeddings"),
        (lambda vector: [1e39, *vector[1:].tolist()], "not finite"),
        (lambda vector: [vector.tolist()] * 2, "have the server pool one of them"),
    ],
    ids=["another width", "no number", "not finite", "no pooling"],
)
def test_a_server_that_is_set_up_wrongly_is_no_encoder(
    server: LanguageModelServer, spoil: Callable[[Matrix], Any], says: str
) -> None:
    probe = open_embedder(f"probe:{server.url}#{NAME}", PROMPT)
    server.spoil = spoil
    try:
        with pytest.raises(EmbedderError) as failed:
            probe.embed(["I want my money back."])
    finally:
        server.spoil = None
    assert says in str(failed.value)
    assert probe.embed(["I want my money back."]).shape == (1, WIDTH)


def test_the_layer_before_is_another_model(server: LanguageModelServer) -> None:
    last, again, before = (
        reference_vectors(open_embedder(f"probe:{server.url}#{name}", PROMPT))
        for name in (NAME, NAME, f"{NAME}@29")
    )
    assert change_between(last, again) is None
    assert change_between(last, before) is not None


def test_a_beginning_that_is_kept_changes_no_vector_and_no_answer(checkpoint: Checkpoint) -> None:
    """Another order of summation does, by far less than what tells two models apart."""
    keeping, forgetting = LanguageModel(checkpoint), LanguageModel(checkpoint, kept=0)
    texts = ("Where is my parcel?", "I want a refund.", "I want a refund now.")
    for text in texts:
        kept, read = (model.vector(PROMPT.around(text)) for model in (keeping, forgetting))
        assert np.linalg.norm(kept - read) < 1e-4 * np.linalg.norm(read)
        asked = [("system", "Is it about a refund or a delivery?"), ("user", text)]
        assert keeping.likeliest(asked, LABELS) == forgetting.likeliest(asked, LABELS)
