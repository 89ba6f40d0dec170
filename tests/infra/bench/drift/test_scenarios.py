from collections import Counter

import numpy as np
import pytest

from infra.bench.banking import Split
from infra.bench.drift.measure import chosen_scenarios
from infra.bench.drift.scenarios import DRIFTS, GOLD, SWAPPED, UNSEEN, UPGRADED, folded_intents
from infra.bench.drift.stream import Stream, place_of, requests
from infra.errors import MissingData
from models.features import Features
from schemas.vectors import vector

INTENTS, EACH, DRIFTED = 40, 30, 500


@pytest.fixture(scope="module")
def data() -> Split:
    """Intents in a row: the first two are alike, the third and the fourth, and so on."""
    numbers = np.random.default_rng(0)
    labels = [f"intent-{number % INTENTS:02}" for number in range(INTENTS * EACH)]
    angles = np.array([number % INTENTS // 2 + 0.2 * (number % 2) for number in range(len(labels))])
    vectors = np.column_stack([np.cos(angles / 4), np.sin(angles / 4)]) + numbers.normal(
        0, 1e-3, (len(labels), 2)
    )
    return Split(Features([f"text {row}" for row in range(len(labels))], vectors.astype(np.float32)), labels)


def gold(stream: Stream, data: Split) -> list[str]:
    return [data.labels[row] for row in stream.rows]


@pytest.mark.parametrize("name", DRIFTS)
def test_each_row_is_asked_once_in_an_order_of_the_seed_and_answered_as_it_is_before_the_drift(
    name: str, data: Split
) -> None:
    stream = DRIFTS[name](data, 3, DRIFTED)
    assert stream == DRIFTS[name](data, 3, DRIFTED)
    assert stream.rows != DRIFTS[name](data, 4, DRIFTED).rows
    assert len(set(stream.rows)) == len(stream) > DRIFTED
    assert list(stream.said[:DRIFTED]) == gold(stream, data)[:DRIFTED]
    sent = list(requests(stream, data))
    assert [place_of(request.id) for request in sent] == list(range(len(stream)))
    assert sent[7].text == f"text {stream.rows[7]}"
    np.testing.assert_array_equal(vector(sent[7].embedding, 2), data.rows.embeddings[stream.rows[7]])


def test_a_swap_is_its_own_inverse_on_twenty_intents_and_leaves_the_teacher_who_it_is(data: Split) -> None:
    stream = DRIFTS["swapped"](data, 0, DRIFTED)
    became = dict(zip(gold(stream, data)[DRIFTED:], stream.said[DRIFTED:], strict=True))
    assert sum(label != now for label, now in became.items()) == SWAPPED
    assert all(became[now] == label for label, now in became.items())
    assert stream.teacher(0) == stream.teacher(len(stream) - 1)


def test_new_intents_never_come_before_the_drift_and_at_their_natural_share_after_it(data: Split) -> None:
    stream = DRIFTS["new"](data, 0, DRIFTED)
    assert len(stream.unseen) == UNSEEN
    assert list(stream.said) == gold(stream, data)
    assert not stream.unseen & set(stream.said[:DRIFTED])
    came = Counter(label in stream.unseen for label in stream.said[DRIFTED:])
    assert came[True] / came.total() == pytest.approx(UNSEEN / INTENTS, abs=0.005)
    known = sum(label not in stream.unseen for label in data.labels)
    assert came[False] == known - DRIFTED


def test_another_model_folds_intents_into_their_nearest_siblings_from_the_drift_on(data: Split) -> None:
    stream = DRIFTS["model"](data, 0, DRIFTED)
    assert (stream.teacher(DRIFTED - 1), stream.teacher(DRIFTED)) == (GOLD, UPGRADED)
    pairs = folded_intents(data, INTENTS // 2)
    assert pairs == {f"intent-{odd:02}": f"intent-{odd - 1:02}" for odd in range(1, INTENTS, 2)}
    few = folded_intents(data, 12)
    assert len(few) == 12
    expected = [few.get(label, label) for label in gold(stream, data)[DRIFTED:]]
    assert list(stream.said[DRIFTED:]) == expected


def test_drifts_are_chosen_by_name_and_an_unknown_one_is_refused_with_those_that_there_are() -> None:
    assert chosen_scenarios(()) == ["swapped", "new", "model"]
    assert chosen_scenarios(("model", "swapped")) == ["swapped", "model"]
    with pytest.raises(MissingData, match=r"no drift is called 'slow': there are swapped, new, model"):
        chosen_scenarios(("slow",))
