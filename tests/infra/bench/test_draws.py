from infra.bench import draws
from infra.bench.corpora import Split
from models.features import Features

ROWS = [f"row {number}" for number in range(1_000)]
POOL = Split(Features(texts=ROWS), [f"label {number % 7}" for number in range(1_000)])


def _texts(split: Split) -> list[str]:
    assert split.rows.texts is not None
    return list(split.rows.texts)


def test_the_seed_decides_the_rows() -> None:
    first, second = draws.subsets(POOL, 50, 2)
    assert _texts(first) == _texts(draws.subsets(POOL, 50, 1)[0])
    assert set(_texts(first)) != set(_texts(second))


def test_a_noisy_teacher_errs_at_the_asked_rate() -> None:
    noisy = draws.with_wrong_labels(["a", "b", "c", "d"] * 5_000, 0.08, 1)
    wrong = [(i, label) for i, label in enumerate(noisy) if label != "abcd"[i % 4]]
    assert 0.07 < len(wrong) / len(noisy) < 0.09
    assert {(i % 4, label) for i, label in wrong} == {
        (i, label) for i in range(4) for label in "abcd" if label != "abcd"[i]
    }


def test_shuffling_keeps_the_label_counts() -> None:
    result = draws.shuffle_labels(POOL.labels, 3)
    assert sorted(result) == sorted(POOL.labels)
    assert sum(a == b for a, b in zip(result, POOL.labels, strict=True)) < 250


def test_a_coin_falls_both_ways() -> None:
    assert 400 < draws.coin_labels(1_000, 1).count("heads") < 600
