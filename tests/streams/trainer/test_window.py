"""A fit sees the newest traces, each request once, and only those that bring what it reads."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import TrainingError
from models.fit import fit
from models.manifest import Teacher as Known
from schemas.config import Config
from schemas.messages import Teacher
from streams.trainer.window import Window, teachers, training_set, usable
from tests.streams.building import trace

VECTORS = Config(embedder="precomputed")


def packed(*numbers: float) -> bytes:
    return np.array(numbers, "<f4").tobytes()


def filled(*traces: Any) -> Window:
    window = Window()
    for one in traces:
        window.add(one, 1000)
    return window


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 8))
def test_the_window_holds_the_newest_distinct_requests_and_counts_what_it_has_dropped(
    arrived: list[int], most: int
) -> None:
    window, model, seen = Window(), list[str](), 0
    for number in arrived:
        window.add(trace(f"r{number}"), most)
        if f"r{number}" not in model:
            model, seen = [*model, f"r{number}"][-most:], seen + 1
    assert [one.id for one in window] == model
    assert (len(window), window.seen) == (len(model), seen)


def test_a_smaller_window_takes_effect_with_the_next_trace() -> None:
    window = filled(*(trace(f"r{number}") for number in range(10)))
    window.add(trace("new"), 3)
    assert [one.id for one in window] == ["r8", "r9", "new"]


def test_a_new_leader_counts_what_came_after_the_live_policy() -> None:
    window = filled(*(trace(f"r{at}", replied_at=at) for at in range(10)))
    assert [window.seen_since(at) for at in (-1, 4, 8, 9)] == [10, 5, 1, 0]


def test_a_text_task_learns_from_texts_whatever_else_the_traces_bring() -> None:
    window = filled(
        trace("a", "yes", features=packed(np.nan)),
        trace("b", "no", text=None, features=packed(1)),
        trace("c", "no", text="", sampled=False, embedder="precomputed"),
    )
    found = training_set(usable(window, Config()), Config())
    assert found.features.texts == ["hello", ""]
    assert (found.labels, found.sampled.tolist()) == (["yes", "no"], [True, False])


def test_a_vector_task_learns_from_its_embedder_s_vectors_of_one_length() -> None:
    given: dict[str, Any] = {"embedder": "precomputed", "text": None}
    window = filled(
        trace("old", features=packed(1, 2, 3), **given),
        trace("a", "yes", features=packed(1, 2), **given),
        trace("text", features=packed(5, 6)),
        trace("none", embedder="precomputed"),
        trace("b", "no", features=packed(3, 4), sampled=False, **given),
    )
    found = training_set(usable(window, VECTORS), VECTORS)
    assert found.features.embeddings is not None
    assert found.features.embeddings.tolist() == [[1, 2], [3, 4]], "the newest length counts"
    assert (found.labels, found.sampled.tolist()) == (["yes", "no"], [True, False])
    three = Config(embedder="precomputed", dimension=3)
    assert [one.id for one in usable(window, three)] == ["old"], "unless the config names one"


@pytest.mark.parametrize("config", [Config(), VECTORS, Config(embedder="precomputed", dimension=3)])
def test_a_window_without_anything_usable_is_a_refusal_of_the_fit_and_not_a_crash(config: Config) -> None:
    window = filled(trace("a", text=None, features=None))
    training = training_set(usable(window, config), config)
    with pytest.raises(TrainingError, match="no traces"):
        fit(training, task="t", version="v1", embedder=config.embedder)


def test_teachers_are_named_once_in_order_of_appearance() -> None:
    window = filled(
        trace("a", teacher=Teacher("m", "1")),
        trace("b", teacher=None),
        trace("c", teacher=Teacher("m", "2")),
        trace("d", teacher=Teacher("m", "1")),
    )
    assert teachers(list(window)) == (Known("m", "1"), Known("m", "2"))
