"""A fit sees the newest traces, each request once, and only those that bring what it reads."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import TrainingError
from models.fit import fit
from models.manifest import LabelSource as Known
from models.training.thinning import thin_out
from schemas.codec import TRACE
from schemas.config import Config
from schemas.messages import Guess, Reason, Teacher
from streams.trainer.window import (
    TraceWindow,
    encoder_of,
    teachers,
    training_set,
    usable_traces,
)
from streams.versions.version_names import version_name
from tests.streams.fakes import trace

VECTORS = Config(embedder="precomputed")


def packed(*numbers: float) -> bytes:
    return np.array(numbers, "<f4").tobytes()


def filled(*traces: Any) -> TraceWindow:
    window = TraceWindow()
    for one in traces:
        window.add(one, 1000)
    return window


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 8))
def test_a_window_holds_the_newest_requests(arrived: list[int], most: int) -> None:
    window, model, seen = TraceWindow(), list[str](), 0
    for number in arrived:
        window.add(trace(f"r{number}"), most)
        if f"r{number}" not in model:
            model, seen = [*model, f"r{number}"][-most:], seen + 1
    assert [one.id for one in window] == model
    assert (len(window), window.seen) == (len(model), seen)


@given(st.permutations(range(40)), st.integers(1, 40))
def test_a_window_is_the_same_in_any_order_of_partitions(order: list[int], most: int) -> None:
    window = TraceWindow()
    for number in order:
        window.add(trace(f"r{number}", requested_at=1_000 + number, replied_at=5_000 - number), most)
    assert [one.id for one in window] == [f"r{number}" for number in range(40)][-most:]
    assert window.seen == 40


def test_seeded_traces_give_way_to_those_of_the_stream() -> None:
    window = TraceWindow()
    for number in range(4):
        window.add(trace(f"r{number}"), 4)
    for number in range(3, 6):
        window.add(trace(f"r{number}", reason=Reason.SEEDED), 6)
    assert [one.id for one in window] == ["r4", "r5", "r0", "r1", "r2", "r3"]
    window.add(trace("r5", "live"), 6)
    assert [(one.id, one.label) for one in window][-1] == ("r5", "live")
    window.add(trace("r6"), 6)
    window.add(trace("r7"), 6)
    assert [one.id for one in window] == ["r1", "r2", "r3", "r5", "r6", "r7"]
    assert (len(window), window.seen) == (6, 9)


def test_a_smaller_window_applies_at_the_next_trace() -> None:
    window = filled(*(trace(f"r{number}") for number in range(10)))
    window.add(trace("new"), 3)
    assert [one.id for one in window] == ["r8", "r9", "new"]


def test_a_new_leader_counts_newer_traces() -> None:
    window = filled(*(trace(f"r{at}", replied_at=at) for at in range(10)))
    assert [window.seen_since(at) for at in (-1, 4, 8, 9)] == [10, 5, 1, 0]


def test_traces_share_what_they_hold_alike() -> None:
    """As decoded, each has copies of its own."""
    made = [
        TRACE.decode(
            TRACE.encode(
                trace(
                    f"r{number}",
                    guess=Guess("no way", 0.5, None, "v12"),
                    teacher=Teacher("a model", "a prompt"),
                    encoder="an encoder",
                )
            )
        )
        for number in range(2)
    ]
    first, second = filled(*made)
    assert [first, second] == made
    assert made[0].teacher is not made[1].teacher
    assert first.teacher is second.teacher
    assert first.encoder is second.encoder
    assert first.guess is not None
    assert second.guess is not None
    assert first.guess.label is second.guess.label
    assert first.guess.policy is second.guess.policy
    assert (first.task is second.task, first.label is second.label) == (True, True)


def test_a_text_task_uses_all_texts() -> None:
    window = filled(
        trace("a", "yes", features=packed(np.nan)),
        trace("b", "no", text=None, features=packed(1)),
        trace("c", "no", text="", sampled=False, embedder="precomputed"),
    )
    found = training_set(usable_traces(window, Config()), Config())
    assert found.features.texts == ["hello", ""]
    assert (found.labels, found.sampled.tolist()) == (["yes", "no"], [True, False])


def test_of_many_traces_a_draw_is_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.trainer.window.thin_out", partial(thin_out, most=50))
    traces = [trace(f"r{at}", "yes", text=f"{at}", requested_at=200 - at) for at in range(100)]
    found = training_set(traces, Config())
    assert (len(found), int(found.sampled.sum()), found.drawn_from) == (50, 40, 100)
    assert found.features.texts == sorted(found.features.texts or [], key=int, reverse=True)
    assert training_set(traces[:50], Config()).drawn_from is None


def test_a_vector_task_uses_vectors_of_one_length() -> None:
    given: dict[str, Any] = {"embedder": "precomputed", "text": None}
    window = filled(
        trace("old", features=packed(1, 2, 3), **given),
        trace("a", "yes", features=packed(1, 2), **given),
        trace("text", features=packed(5, 6)),
        trace("none", embedder="precomputed"),
        trace("b", "no", features=packed(3, 4), sampled=False, **given),
    )
    found = training_set(usable_traces(window, VECTORS), VECTORS)
    assert found.features.embeddings is not None
    assert found.features.embeddings.tolist() == [[1, 2], [3, 4]], "the newest length counts"
    assert (found.labels, found.sampled.tolist()) == (["yes", "no"], [True, False])
    three = Config(embedder="precomputed", dimension=3)
    assert [one.id for one in usable_traces(window, three)] == ["old"], "unless the config names one"


def encoded(name: str, *numbers: float, **given: Any) -> Any:
    fields = {"embedder": "model2vec:/m", "encoder": "m:2", "features": packed(*numbers)}
    return trace(name, **fields | given)


def test_an_encoder_task_uses_the_newest_encoder() -> None:
    config = Config(embedder="text>model2vec:/m")
    window = filled(
        encoded("moved", 7, 8, embedder="model2vec:/elsewhere"),
        encoded("old", 1, 2, encoder="m:1"),
        encoded("a", 3, 4, embedder="text+model2vec:/m"),
        encoded("failed", features=None, encoder=None),
        trace("text"),
        trace("brought", embedder="precomputed", features=packed(5, 6)),
        trace("odd", embedder="what?", features=packed(5, 6)),
        encoded("b", 5, 6),
    )
    found = usable_traces(window, config)
    assert [one.id for one in found] == ["moved", "a", "b"]
    assert encoder_of(found) == "m:2"
    training = training_set(found, config)
    assert training.features.texts == ["hello"] * 3
    assert training.features.embeddings is not None
    assert training.features.embeddings.tolist() == [[7, 8], [3, 4], [5, 6]]
    alone = training_set(found, Config(embedder="model2vec:/m"))
    assert alone.features.texts == ["hello"] * 3


def test_a_task_of_both_uses_traces_with_both() -> None:
    config = Config(embedder="text+precomputed")
    window = filled(
        trace("a", embedder="precomputed", features=packed(1, 2)),
        trace("textless", embedder="precomputed", features=packed(1, 2), text=None),
        trace("bare", embedder="precomputed"),
    )
    assert [one.id for one in usable_traces(window, config)] == ["a"]
    assert encoder_of(usable_traces(window, config)) is None


@pytest.mark.parametrize("config", [Config(), VECTORS, Config(embedder="precomputed", dimension=3)])
def test_a_window_without_usable_traces_is_refused(config: Config) -> None:
    window = filled(trace("a", text=None, features=None))
    training = training_set(usable_traces(window, config), config)
    with pytest.raises(TrainingError, match="no traces"):
        fit(training, task="t", version="v1", embedder=config.embedder)


def test_teachers_are_named_once() -> None:
    window = filled(
        trace("a", teacher=Teacher("m", "1")),
        trace("b", teacher=None),
        trace("c", teacher=Teacher("m", "2")),
        trace("d", teacher=Teacher("m", "1")),
    )
    assert teachers(list(window)) == (Known("m", "1"), Known("m", "2"))


def test_a_teacher_of_few_labels_is_none_that_a_fit_stands_for() -> None:
    usual, tried, learned = Teacher("m", "1"), Teacher("m", "2"), Teacher("m", "3")
    traces = [trace(f"a{number}", teacher=usual) for number in range(20)]
    traces += [trace("b", teacher=tried)]
    traces += [trace(f"c{number}", teacher=learned, sampled=False) for number in range(20)]
    assert teachers(traces) == (Known("m", "1"),)


def test_the_highest_version_outlives_its_trace() -> None:
    window = TraceWindow()
    named = [
        Guess("yes", 0.9, 0.0, "v3"),
        Guess("yes", 0.9, 0.0, "v12"),
        Guess("yes", 0.9, 0.0, "v²"),
        Guess("yes", 0.9, 0.0, "mine"),
    ]
    for number, guess in enumerate(named):
        window.add(trace(f"r{number}", guess=guess), 1)
    window.add(trace("r3", shadow=Guess("yes", 0.9, 0.0, "v15")), 1)
    assert (window.serial, version_name(window.serial + 1)) == (15, "v16")
