"""A sweep finds the states that hold the labels, the cheapest of them, and stops when its time is over."""

from pathlib import Path

import numpy as np
import pytest

from models.embedders.prompt import Prompt
from models.errors import TextRefused
from models.language_model.checkpoint import read_checkpoint
from models.language_model.sweep import LAST, MEAN, PromptReader, Reading, States, cheapest_good, compare
from tests.models.language_model.tiny import LAYERS, WIDTH, write_tiny

PROMPT = Prompt("read", "end")


@pytest.fixture
def reader(tmp_path: Path) -> PromptReader:
    checkpoint = read_checkpoint(write_tiny(tmp_path / "tiny.gguf"))
    return PromptReader(checkpoint, PROMPT, ["a", "b"])


def test_texts_are_read_until_the_time_is_over(reader: PromptReader) -> None:
    texts = ["abc", "x" * 40, "cab"]
    states = reader.read(texts, 60.0)
    assert states.rows.tolist() == [0, 2], "the one that is too long is left out"
    assert states.last.shape == states.mean.shape == (2, LAYERS + 1, WIDTH)
    assert states.labels.shape == (2, 2)
    assert reader.read(texts, 0.0).rows.tolist() == [0]
    with pytest.raises(TextRefused, match="none of 1 texts fits"):
        reader.read(["x" * 40], 60.0)


def test_the_layer_that_holds_the_labels_is_found() -> None:
    numbers = np.random.default_rng(0)
    codes = np.arange(200) % 4
    last, mean = (numbers.normal(size=(200, 4, 8)).astype(np.float32) for _ in range(2))
    for layer in (2, 3):
        last[np.arange(200), layer, codes] += 10.0
    states = States(np.arange(200), last, mean, numbers.normal(size=(200, 4)).astype(np.float32), 1.0)
    readings = compare(states, codes, [1, 2, 3])
    found = {(one.pooling, one.layer): one.accuracy for one in readings}
    assert min(found[LAST, 2], found[LAST, 3]) > 0.95
    assert max(found[LAST, 1], *(found[MEAN, layer] for layer in (1, 2, 3))) < 0.6
    chosen = cheapest_good(readings)
    assert (chosen.pooling, chosen.layer) == (LAST, 2)
    assert chosen.cost == pytest.approx(2 / 3)


def test_the_shallowest_within_a_standard_error_is_chosen() -> None:
    readings = [
        Reading(LAST, layer, layer / 3, accuracy, 0.02)
        for layer, accuracy in ((1, 0.7), (2, 0.81), (3, 0.82))
    ]
    assert cheapest_good(readings).layer == 2
    unserved = Reading(MEAN, 1, 1 / 3, 0.99, 0.02)
    assert cheapest_good([*readings, unserved]).layer == 2, "no server pools the mean of the last tokens"
