from collections import Counter

import numpy as np
import pytest

from infra.bench.corpora import Split
from infra.bench.drift.measure import chosen_scenarios
from infra.bench.drift.scenarios import (
    DRIFTS,
    GOLD,
    SWAPPED,
    UNSEEN,
    UPGRADED,
    Stream,
    folded_intents,
    place_of,
    stream_requests,
)
from infra.errors import MissingData
from models.features import Features
from schemas.vectors import decode_vector

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
def test_each_row_is_asked_once_in_seeded_order(name: str, data: Split) -> None:
    stream = DRIFTS[name](data, 3, DRIFTED)
    assert stream == DRIFTS[name](data, 3, DRIFTED)
    assert stream.rows != DRIFTS[name](data, 4, DRIFTED).rows
    assert len(set(stream.rows)) == len(stream) > DRIFTED
    assert list(stream.answers[:DRIFTED]) == gold(stream, data)[:DRIFTED]
    sent = list(stream_requests(stream, data))
    assert [place_of(request.id) for request in sent] == list(range(len(stream)))
    assert sent[7].text == f"text {stream.rows[7]}"
    np.testing.assert_array_equal(decode_vector(sent[7].embedding, 2), data.rows.embeddings[stream.rows[7]])


def test_a_swap_exchanges_twenty_intents_in_pairs(data: Split) -> None:
    stream = DRIFTS["swapped"](data, 0, DRIFTED)
    became = dict(zip(gold(stream, data)[DRIFTED:], stream.answers[DRIFTED:], strict=True))
    assert sum(label != now for label, now in became.items()) == SWAPPED
    assert all(became[now] == label for label, now in became.items())
    assert stream.teacher(0) == stream.teacher(len(stream) - 1)


def test_new_intents_come_only_after_the_drift(data: Split) -> None:
    stream = DRIFTS["new"](data, 0, DRIFTED)
    assert len(stream.unseen) == UNSEEN
    assert list(stream.answers) == gold(stream, data)
    assert not stream.unseen & set(stream.answers[:DRIFTED])
    came = Counter(label in stream.unseen for label in stream.answers[DRIFTED:])
    assert came[True] / came.total() == pytest.approx(UNSEEN / INTENTS, abs=0.005)
    known = sum(label not in stream.unseen for label in data.labels)
    assert came[False] == known - DRIFTED


def test_another_model_folds_the_nearest_intents(data: Split) -> None:
    stream = DRIFTS["model"](data, 0, DRIFTED)
    assert (stream.teacher(DRIFTED - 1), stream.teacher(DRIFTED)) == (GOLD, UPGRADED)
    pairs = folded_intents(data, INTENTS // 2)
    assert pairs == {f"intent-{odd:02}": f"intent-{odd - 1:02}" for odd in range(1, INTENTS, 2)}
    few = folded_intents(data, 12)
    assert len(few) == 12
    expected = [few.get(label, label) for label in gold(stream, data)[DRIFTED:]]
    assert list(stream.answers[DRIFTED:]) == expected


def test_an_unknown_drift_is_refused_with_the_known() -> None:
    assert chosen_scenarios(()) == ["swapped", "new", "model"]
    assert chosen_scenarios(("model", "swapped")) == ["swapped", "model"]
    with pytest.raises(MissingData, match=r"no drift is called 'slow': there are swapped, new, model"):
        chosen_scenarios(("slow",))
