"""The ceiling from a teacher's contradictions is never too low, and near the truth where texts repeat."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.features import Features
from models.featurizers.unit_vectors import normalise
from models.noise.contradictions import estimate_noise, measured_noise, noise_refusal
from models.noise.repeats import plain_text, repeated_pairs
from models.study import RepeatCounts

LABELS = 12
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
WORDS = ["".join(word) for word in np.random.default_rng(9).choice(LETTERS, (500, 5))]


def sentences(rows: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, 10)) for _ in range(rows)]


def noisy(codes: NDArray[np.int64], rate: float, seed: int) -> NDArray[np.int64]:
    generator = np.random.default_rng(seed)
    wrong = (codes + generator.integers(1, LABELS, len(codes))) % LABELS
    return np.where(generator.random(len(codes)) < rate, wrong, codes)


def stream(seed: int) -> tuple[list[str], NDArray[np.int64]]:
    """3,000 requests for 2,000 texts, each with the label that it deserves."""
    asked = np.random.default_rng(seed).integers(0, 2000, 3000)
    texts = sentences(2000, seed)
    return [texts[row] for row in asked], asked % LABELS


@pytest.mark.parametrize("seed", range(3))
def test_eight_percent_errors_give_a_ceiling_of_92(seed: int) -> None:
    texts, right = stream(seed)
    found = estimate_noise(Features(texts=texts), noisy(right, 0.08, seed), LABELS)
    assert found is not None
    assert found.pairs > 400
    assert abs(found.ceiling - 0.92) < 0.025
    assert found.low < 0.92 < found.high < 0.95
    told = noise_refusal(found, 0.95)
    assert told is not None
    assert told.startswith("target 0.95 is above what any surrogate can reach")
    assert noise_refusal(found, 0.9) is None


def test_a_steady_teacher_has_no_ceiling() -> None:
    texts, right = stream(0)
    found = estimate_noise(Features(texts=texts), right, LABELS)
    assert found is not None
    assert (found.contradictions, found.ceiling, found.high) == (0, 1.0, 1.0)
    assert noise_refusal(found, 0.9999) is None


def test_too_few_pairs_say_nothing() -> None:
    texts = sentences(500, 0)
    assert (
        estimate_noise(Features(texts=[*texts, *texts[:15]]), np.zeros(515, dtype=np.int64), LABELS) is None
    )
    assert noise_refusal(None, 0.99) is None


def test_questions_in_one_template_differ() -> None:
    opening = "you are a careful clerk; say which department this customer wants to be put through to: "
    texts = [opening + text for text in sentences(1000, 1)]
    assert estimate_noise(Features(texts=texts), np.arange(1000) % LABELS, LABELS) is None


def test_typos_make_pairs_and_other_words_do_not() -> None:
    first = sentences(300, 2)
    typos = [text[:20] + "7" + text[21:] for text in first[:150]]
    drawn = zip(first[150:], sentences(150, 3), strict=True)
    others = [" ".join([*text.split()[:8], *other.split()[8:]]) for text, other in drawn]
    found = repeated_pairs(Features(texts=first + typos + others))
    matched = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert found.same == 0
    assert matched <= {(row, row + 300) for row in range(150)}
    assert len(matched) > 100


def test_vectors_of_nearly_one_direction_are_pairs() -> None:
    generator = np.random.default_rng(0)
    shared, own = generator.standard_normal(64), generator.standard_normal((400, 64))
    vectors = (5 * shared + own).astype(np.float32)
    again = vectors[:60] + 0.05 * generator.standard_normal((60, 64)).astype(np.float32)
    found = repeated_pairs(Features(embeddings=np.concatenate([vectors, vectors[:20], again])))
    matched = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert found.same == 20
    assert len(matched) > 50
    assert all(second - first in {400, 420, 20} for first, second in matched)
    assert len(repeated_pairs(Features(embeddings=normalise(np.ones((50, 4), dtype=np.float32))))) == 0


@pytest.mark.parametrize("texts", [[], [""], ["a"] * 3, ["\0"] * 9, ["x" * 100_000] * 5, ["?!", "!", ""]])
def test_odd_texts_do_not_fail(texts: list[str]) -> None:
    found = repeated_pairs(Features(texts=texts))
    rows = np.concatenate([found.first, found.second]).tolist()
    assert len(set(rows)) == len(rows) <= len(texts)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is it?", "where  is IT", True),
        ("My top-up\u2019s gone", "my top up's gone!", True),
        ("C#", "C++", False),
        ("at 5.5", "at 55", False),
        ("-5", "5", False),
        ("\U0001f600", "\U0001f4a5", False),
        ("?", "!", False),
    ],
)
def test_case_and_sentence_marks_do_not_matter(one: str, other: str, same: bool) -> None:
    assert (plain_text(one) == plain_text(other)) is same


def test_noise_is_measured_on_purpose() -> None:
    found = measured_noise(RepeatCounts(500, 410))
    assert found is not None
    assert (found.pairs, found.contradictions, found.asked) == (500, 90, True)
    assert 0.75 < found.low < found.ceiling < found.high < 0.95
    told = noise_refusal(found, 0.95)
    assert told is not None
    assert "asked the same twice, the teacher gave two labels in 90 of 500 cases" in told
    assert measured_noise(RepeatCounts(19, 3)) is None


@pytest.mark.parametrize("name", ["banking77", "snips"])
def test_public_texts_refuse_no_high_target(data_dir: Path, name: str) -> None:
    lines = (data_dir / f"{name}_train.jsonl").read_bytes().splitlines()
    texts, labels = zip(
        *((row["text"], row["label"]) for row in map(msgspec.json.decode, lines)), strict=True
    )
    names, codes = np.unique(np.array(labels), return_inverse=True)
    found = estimate_noise(Features(texts=texts), codes.astype(np.int64), len(names))
    assert found is not None
    assert found.pairs > 50
    assert noise_refusal(found, 0.98) is None
