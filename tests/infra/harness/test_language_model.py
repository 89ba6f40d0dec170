"""A real small LLM answers OpenAI's client: a vector of each layer, and a label of the schema."""

import json
from collections.abc import Iterator

import numpy as np
import openai
import pytest

from infra.harness.language_model import NAME, LanguageModel, LanguageModelServer, checkpoint_file
from models.language_model.checkpoint import read_checkpoint
from streams.teacher.prompt import answer_format

WIDTH = 576
LABELS = ["refund", "delivery"]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    file = checkpoint_file()
    if file is None:
        pytest.skip("no SmolLM2: `make model` fetches it")
    with LanguageModelServer(LanguageModel(read_checkpoint(file))) as server:
        yield openai.OpenAI(base_url=server.url, api_key="none", timeout=60, max_retries=0)


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
