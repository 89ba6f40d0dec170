"""Small tasks to learn: texts from templates, vectors from clusters, and the policies fitted on them."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.features import Features
from models.fit import FitResult, Options, TrainingSet, fit
from models.policy import Policy
from models.surrogates import fasttext

VERBS = ("block", "order", "activate", "find", "replace", "return")
THINGS = ("card", "parcel", "account", "refund")
FILLERS = ("please", "hello there", "as soon as you can", "I wonder how", "today", "my friend says", "")
WIDTH = 24
ODD_TEXTS = [
    "",
    "\0",
    "\0\0block\0",
    "a",
    "\U0001f600" * 40,
    "BLOCK the CARD",
    "\ud800",
    "x" * 100_000,
    "é" * 1500,
]

Draw = Callable[[int, int], tuple[Features, list[str]]]


def draw_texts(rows: int, seed: int) -> tuple[Features, list[str]]:
    """Six intents with typos; one row in fifty has another intent's label."""
    generator = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(rows):
        verb = VERBS[generator.integers(len(VERBS))]
        words = [*generator.choice(FILLERS, 2), verb, "the", str(generator.choice(THINGS))]
        text = " ".join(words)
        place = int(generator.integers(len(text)))
        texts.append(text[:place] + "aeiou"[generator.integers(5)] + text[place + 1 :])
        labels.append(verb if generator.random() > 0.02 else VERBS[generator.integers(len(VERBS))])
    return Features(texts=texts), labels


def centres() -> NDArray[np.float64]:
    return np.random.default_rng(99).standard_normal((len(VERBS), WIDTH))


def draw_vectors(rows: int, seed: int) -> tuple[Features, list[str]]:
    """Six clusters that overlap a little, of any length."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(len(VERBS), size=rows)
    noise = generator.standard_normal((rows, WIDTH)) * generator.uniform(0.2, 1.4, (rows, 1))
    vectors = (centres()[codes] + noise) * generator.uniform(0.5, 2.0, (rows, 1))
    return Features(embeddings=vectors.astype(np.float32)), [VERBS[code] for code in codes]


def draw_both(rows: int, seed: int) -> tuple[Features, list[str]]:
    """Texts, and for each a vector of the cluster of the verb that it says."""
    texts, labels = draw_texts(rows, seed)
    generator = np.random.default_rng(seed)
    pairs = zip(texts.texts or (), labels, strict=True)
    said = [next((verb for verb in VERBS if verb in text), label) for text, label in pairs]
    places = [VERBS.index(verb) for verb in said]
    vectors = centres()[places] + generator.standard_normal((rows, WIDTH)) * 0.7
    return Features(texts.texts, vectors.astype(np.float32)), labels


def draw_tiers(rows: int, seed: int) -> tuple[Features, list[str]]:
    """As `draw_both`, with a vague vector and a clear one after another."""
    drawn, labels = draw_both(rows, seed)
    assert drawn.embeddings is not None
    noise = np.random.default_rng(seed + 1).standard_normal(drawn.embeddings.shape, dtype=np.float32)
    return Features(drawn.texts, np.hstack([drawn.embeddings + 1.5 * noise, drawn.embeddings])), labels


TIERS = "text>onnx:/vague>endpoint:http://host/v1#clear"
TIERS_ENCODER = f"onnx:f00d[{WIDTH}]>endpoint:clear[{WIDTH}]"

DRAWS: dict[str, Draw] = {
    "text": draw_texts,
    "precomputed": draw_vectors,
    "text+precomputed": draw_both,
    "text>precomputed": draw_both,
    TIERS: draw_tiers,
}


def learned(embedder: str, rows: int = 900, seed: int = 0, **options: object) -> FitResult:
    """A fit without a learning curve, which would be more fits."""
    features, labels = DRAWS[embedder](rows, seed)
    training = TrainingSet(features, labels, np.ones(rows, dtype=np.bool_))
    settings = {
        "task": "intents",
        "version": "v1",
        "targets": (0.9,),
        "options": Options(curve=0.0),
        "encoder": TIERS_ENCODER if embedder == TIERS else None,
    } | options
    return fit(training, embedder=embedder, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small are slower on more threads, by a multiple where the tests share a machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session", autouse=True)
def few_epochs() -> Iterator[None]:
    """Tasks this small are learned by fastText in a third of the epochs that few real texts need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasttext, "EPOCHS", (fasttext.EPOCHS[0], 8))
        yield


@pytest.fixture(scope="session", params=sorted(DRAWS))
def embedder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def results() -> dict[str, FitResult]:
    return {name: learned(name) for name in DRAWS}


@pytest.fixture
def result(embedder: str, results: dict[str, FitResult]) -> FitResult:
    return results[embedder]


@pytest.fixture
def policy(result: FitResult) -> Policy:
    assert result.artifact is not None
    return Policy.open(result.artifact.manifest, result.artifact.graph)
