"""A fit refuses unusable traces and unproven targets with reasons, and handles odd input."""

import pickle
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from models.artifact import Artifact
from models.errors import TrainingError
from models.features import Features
from models.fit import FitResult, TrainingSet, fit
from models.manifest import LabelSource, Manifest
from models.policy import Policy
from models.study import Noise
from models.training import folds
from models.training_set import WIDEST

from .conftest import DRAWS, TIERS, TIERS_ENCODER, draw_texts, draw_vectors, learned


def everything(features: Features, labels: Sequence[str]) -> TrainingSet:
    return TrainingSet(features, labels, np.ones(len(labels), dtype=np.bool_))


def attempt(training: TrainingSet, embedder: str = "text", **options: object) -> FitResult:
    encoder = TIERS_ENCODER if embedder == TIERS else None
    return fit(training, task="t", version="v", embedder=embedder, encoder=encoder, **options)  # type: ignore[arg-type]


def broken(rows: int, width: int, value: float) -> Features:
    vectors = np.ones((rows, width), dtype=np.float32)
    vectors[rows // 2, 0] = value
    return Features(embeddings=vectors)


@pytest.mark.parametrize(
    ("training", "embedder", "says"),
    [
        (everything(Features(texts=[]), []), "text", "empty"),
        (everything(Features(texts=["a"]), ["x", "y"]), "text", "features: 1 rows"),
        (TrainingSet(Features(texts=["a"]), ["x"], np.ones(2, dtype=np.bool_)), "text", "sampled: 2 rows"),
        (everything(broken(4, 3, 1.0), list("xyxy")), "text", "without texts"),
        (everything(broken(4, 3, 1.0), list("xyxy")), "text>precomputed", "without texts"),
        (everything(Features(texts=["a"]), ["x"]), "text+precomputed", "without embeddings"),
        (
            everything(Features(["a"], np.ones((1, 2), np.float32)), ["x"]),
            "onnx:/a>onnx:/b",
            "does not say where",
        ),
        (everything(Features(texts=["a"]), ["x"]), "precomputed", "without embeddings"),
        (everything(broken(4, 3, np.nan), list("xyxy")), "precomputed", "row 2 is not finite"),
        (everything(broken(4, 3, np.inf), list("xyxy")), "precomputed", "row 2 is not finite"),
        (everything(broken(4, WIDEST + 1, 1.0), list("xyxy")), "precomputed", "length is 8,193"),
        *(
            (
                TrainingSet(Features(texts=["a"]), ["x"], np.ones(1, dtype=np.bool_), weights),
                "text",
                "weights",
            )
            for weights in map(np.array, ([-1.0], [np.nan], [np.inf], [1e300], [0.0]))
        ),
    ],
)
def test_unusable_traces_are_named(training: TrainingSet, embedder: str, says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        attempt(training, embedder)


@pytest.mark.parametrize("options", [{"targets": ()}, {"targets": (1.0,)}, {"delta": 0.0}])
def test_levels_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"target|delta"):
        attempt(everything(*draw_texts(100, 0)), **options)


def test_one_label_alone_is_refused() -> None:
    result = attempt(everything(Features(texts=["hello"] * 200), ["greeting"] * 200))
    assert result.artifact is None
    assert "one label only, 'greeting'" in result.refused[0]


def test_too_few_sampled_traces_are_refused() -> None:
    features, labels = draw_texts(300, 0)
    result = attempt(TrainingSet(features, labels, np.arange(300) < 40))
    assert result.artifact is None
    assert result.refused == (
        "too few sampled traces: 40; target 0.95 needs 63 even if all agree: wait for more",
    )


def test_random_labels_pass_no_target(embedder: str) -> None:
    features, labels = DRAWS[embedder](800, 3)
    shuffled = np.random.default_rng(1).permutation(labels).tolist()
    result = attempt(everything(features, shuffled), embedder, targets=(0.8, 0.95))
    assert result.artifact is None
    assert result.summary.frontier == ()
    assert len(result.refused) == 2
    assert result.summary.refused == result.refused


def test_a_refusal_names_a_target_that_passes() -> None:
    result = learned("text", targets=(0.99,))
    assert result.artifact is None
    assert "lower the target" in result.refused[0]
    assert result.summary.frontier


def test_labels_with_too_few_traces_are_blocked(embedder: str) -> None:
    features, labels = DRAWS[embedder](900, 0)
    rare = ["once", "twice", "twice", *labels[3:]]
    result = attempt(everything(features, rare), embedder, targets=(0.9,))
    assert result.artifact is not None
    policy = Policy.open(result.artifact.manifest, result.artifact.graph)
    assert policy.manifest.blocked == ("once", "twice")
    assert [policy.manifest.labels[code] for code in np.flatnonzero(policy.blocked)] == ["once", "twice"]


def test_the_gate_uses_sampled_traces_only() -> None:
    """Traces that were not sampled are mislabelled: they may spoil learning, but never count as evidence."""
    features, labels = draw_vectors(1500, 0)
    sampled = np.arange(1500) < 900
    wrong = [label if kept else "block" for label, kept in zip(labels, sampled, strict=True)]
    weights = np.where(sampled, 1.0, 1e-6)
    result = attempt(TrainingSet(features, wrong, sampled, weights), "precomputed", targets=(0.9,))
    assert result.artifact is not None
    assert result.summary.sampled == 900
    assert max(point.coverage for point in result.summary.frontier) > 0.6


@pytest.mark.parametrize(
    "texts",
    [[""] * 120, ["\0"] * 120, ["\U0001f600", "\U0001f4a5"] * 60, [f"{i}" * 50_000 for i in range(3)] * 40],
)
def test_odd_texts_do_not_fail(texts: list[str]) -> None:
    result = attempt(everything(Features(texts=texts), ["yes", "no"] * 60), targets=(0.9,))
    assert result.refused or result.artifact is not None


def test_equal_vectors_do_not_fail() -> None:
    result = attempt(everything(broken(200, 4, 1.0), ["yes", "no"] * 100), "precomputed")
    assert result.artifact is None


def test_the_summary_keeps_its_json_keys(result: FitResult) -> None:
    keys = set(msgspec.json.decode(msgspec.json.encode(result.summary)))
    wanted = "version traces drawn_from sampled labels seconds surrogate acceptor accuracy frontier refused"
    assert keys == {*wanted.split(), "repeated"}


def test_the_manifest_has_teachers_and_no_trace() -> None:
    features, labels = draw_texts(900, 0)
    result = attempt(everything(features, labels), targets=(0.9,), teachers=(LabelSource("m", "abc"),))
    assert result.artifact is not None
    manifest = Manifest.decode(result.artifact.manifest)
    assert manifest.teachers == (LabelSource("m", "abc"),)
    assert not set(features.texts or ()) & {probe.text for probe in manifest.probes}


def test_a_fit_can_be_pickled_and_reports_progress() -> None:
    heard: list[float] = []
    training = pickle.loads(pickle.dumps(everything(*draw_vectors(900, 0))))  # noqa: S301 - made here
    result = attempt(
        training, "precomputed", targets=(0.9,), progress=lambda share, _doing: heard.append(share)
    )
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - made here
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_the_manifest_names_the_encoder(results: dict[str, FitResult]) -> None:
    artifact = learned("precomputed", rows=400, targets=(0.8,), encoder="static@1").artifact
    assert artifact is not None
    assert Manifest.decode(artifact.manifest).encoder == "static@1"
    unbound = results["precomputed"].artifact
    assert unbound is not None
    assert Manifest.decode(unbound.manifest).encoder is None


def test_a_refit_takes_over_how_often_the_teacher_contradicts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it takes over the choices: until the traces have doubled."""
    monkeypatch.setattr(folds, "AMPLE", 500)
    artifact = learned("text", rows=600).artifact
    assert artifact is not None
    noted = Noise(pairs=123, contradictions=1, ceiling=0.99, low=0.97, high=0.995)
    parent = Artifact(replace(Manifest.decode(artifact.manifest), noise=noted).encode(), artifact.graph)
    found = []
    for rows in (700, 1_300):
        refitted = learned("text", rows=rows, parent=parent).artifact
        assert refitted is not None
        found.append(Manifest.decode(refitted.manifest).noise)
    assert found[0] == noted
    assert found[1] != noted
