"""A fit gives a policy with its coverage, or a refusal with reasons; a router gathers traces for the next."""

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

import understudy
from models.features import Features
from models.policy import Policy
from tests.encoders import static
from tests.models.conftest import draw_both, draw_texts, draw_vectors

QUICK = understudy.Options(budget=0.001, curve=0.0, residual=False)


@pytest.fixture(scope="module")
def fitted(texts: list[str], labels: list[str], tmp_path_factory: pytest.TempPathFactory) -> understudy.Fit:
    folder = tmp_path_factory.mktemp("fit") / "policy"
    return understudy.fit(texts, labels, target=(0.9, 0.999), out=folder, version="v7", options=QUICK)


def test_a_fit_shows_coverage_and_reasons(fitted: understudy.Fit) -> None:
    assert fitted.passed
    assert list(fitted.coverage) == [0.9, 0.999]
    assert fitted.coverage[0.9] > 0.5
    assert fitted.coverage[0.999] == 0.0
    (reason,) = fitted.reasons
    assert "0.999" in reason
    shown = repr(fitted)
    assert "policy v7: 700 traces, 700 of them sampled, 6 labels" in shown
    assert f"{fitted.coverage[0.9]:.1%}" in shown
    assert "did not pass" in shown
    assert reason in shown
    assert str(fitted.directory) in shown


def test_a_fit_writes_the_policy_and_its_report(fitted: understudy.Fit, texts: list[str]) -> None:
    assert fitted.directory is not None
    names = sorted(file.name for file in fitted.directory.iterdir())
    assert names == ["manifest.json", "policy.onnx", "report.html"]
    assert fitted.report == fitted.directory / "report.html"
    from_disk = Policy.load(fitted.directory).score(Features(texts=texts))
    np.testing.assert_array_equal(from_disk.score, fitted.policy.score(Features(texts=texts)).score)


def test_a_fit_goes_straight_into_a_router(fitted: understudy.Fit) -> None:
    features, labels = draw_texts(300, seed=3)
    predictions = understudy.Router(fitted, target=0.9).predict(features.texts)
    answered = [(one.label, label) for one, label in zip(predictions, labels, strict=True) if one.answered]
    assert len(answered) > 150
    assert np.mean([given == wanted for given, wanted in answered]) > 0.85


def test_a_fit_is_saved(fitted: understudy.Fit, tmp_path: Path) -> None:
    fitted.save(tmp_path / "new" / "place")
    assert understudy.Router(tmp_path / "new" / "place", target=0.9).predict("block the card").policy == "v7"


def test_a_refusal_says_why(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(200)]
    labels = random.Random(0).choices(["a", "b", "c"], k=200)
    refused = understudy.fit(texts, labels, out=tmp_path, options=QUICK)
    assert not refused.passed
    assert refused.coverage == {0.95: 0.0}
    assert refused.reasons
    shown = repr(refused)
    assert shown.startswith("refused, there is no policy: 200 traces")
    assert all(reason in shown for reason in refused.reasons)
    assert refused.report is not None
    assert refused.report.exists()
    assert not (tmp_path / "policy.onnx").exists()
    for use in (lambda: refused.policy, lambda: refused.save(tmp_path), lambda: understudy.Router(refused)):
        with pytest.raises(understudy.FitRefused) as caught:
            use()
        assert caught.value.reasons == refused.reasons


def test_too_few_traces_are_refused_with_the_number_needed() -> None:
    refused = understudy.fit(["a", "b"], ["x", "y"])
    assert "too few sampled traces: 2; target 0.95 needs 63" in repr(refused)


def test_unsampled_traces_can_pass_no_gate(texts: list[str], labels: list[str]) -> None:
    refused = understudy.fit(texts, labels, sampled=[False] * len(texts), options=QUICK)
    assert "too few sampled traces: 0" in refused.reasons[0]


def test_a_repeated_request_counts_once(texts: list[str], labels: list[str]) -> None:
    rows = [
        {"id": str(place), "text": text, "label": label}
        for place, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    fitted = understudy.fit(rows + rows[:50], target=0.9, options=QUICK)
    assert (fitted.repeated, fitted.summary.traces) == (50, len(rows))


def test_vectors_alone_are_learned_from() -> None:
    features, labels = draw_vectors(700, seed=0)
    fitted = understudy.fit(None, labels, embeddings=features.embeddings, target=0.9, options=QUICK)
    assert fitted.policy.manifest.embedder == "precomputed"
    others, theirs = draw_vectors(200, seed=1)
    predictions = understudy.Router(fitted, target=0.9).predict(embeddings=others.embeddings)
    right = [one.label == label for one, label in zip(predictions, theirs, strict=True) if one.answered]
    assert len(right) > 100
    assert np.mean(right) > 0.85


def test_texts_and_vectors_are_learned_together() -> None:
    features, labels = draw_both(700, seed=0)
    fitted = understudy.fit(
        features.texts,
        labels,
        embeddings=features.embeddings,
        embedder="text+precomputed",
        target=0.9,
        options=QUICK,
    )
    assert features.texts is not None
    assert features.embeddings is not None
    router = understudy.Router(fitted, target=0.9)
    assert router.predict(features.texts[0], embeddings=features.embeddings[0]).reason != "unscored"
    assert router.predict(features.texts[0]).reason == "unscored"


@pytest.mark.parametrize(
    "embedder", ["model2vec:{0}", "text>model2vec:{0}", "text>model2vec:{1}>model2vec:{0}"]
)
def test_an_encoder_makes_the_vectors(
    embedder: str, texts: list[str], labels: list[str], tmp_path: Path
) -> None:
    spec = embedder.format(static(tmp_path / "encoder"), static(tmp_path / "vague", seed=2, words="my the"))
    fitted = understudy.fit(texts, labels, embedder=spec, target=0.8, out=tmp_path / "policy", options=QUICK)
    assert fitted.passed
    reasons = {one.reason for one in understudy.Router(tmp_path / "policy", target=0.8).predict(texts)}
    assert "accepted" in reasons
    assert "unscored" not in reasons
    static(tmp_path / "encoder", seed=1)
    with pytest.raises(understudy.PolicyError):
        understudy.Router(tmp_path / "policy", target=0.8)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"embedder": "word2vec"}, understudy.InvalidSpec),
        ({"embedder": "precomputed"}, ValueError),
        ({"embeddings": [[1.0]] * 2, "embedder": "text"}, ValueError),
        ({"target": 95}, ValueError),
        ({"target": ()}, ValueError),
        ({"delta": 0}, ValueError),
        ({"parent": "no/such/folder"}, understudy.PolicyError),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        understudy.fit(["a", "b"], ["x", "y"], **arguments)  # type: ignore[arg-type]


def test_an_unusable_directory_costs_no_fit(tmp_path: Path, texts: list[str], labels: list[str]) -> None:
    (tmp_path / "file").write_text("")
    started: list[float] = []
    with pytest.raises(OSError, match="file"):
        understudy.fit(texts, labels, out=tmp_path / "file", progress=lambda share, _: started.append(share))
    assert started == []


def test_a_router_records_what_the_next_fit_needs(tmp_path: Path) -> None:
    """From no policy to one: then only audits are sampled, and all traces train."""
    features, labels = draw_texts(1400, seed=11)
    texts = list(features.texts or ())
    teacher = dict(zip(texts, labels, strict=True))
    traces = tmp_path / "traces.jsonl"

    def ask(asked: list[str]) -> list[str]:
        return [teacher[text] for text in asked]

    with understudy.Router(None, fallback=ask, traces=traces) as router:
        router.predict(texts[:700])
        first = understudy.fit(traces, target=0.9, options=QUICK)
        assert first.passed
        assert first.summary.sampled == 700
    with understudy.Router(first, target=0.9, fallback=ask, traces=traces, audit_rate=0.5) as router:
        predictions = router.predict(texts[700:])
    lines = [msgspec.json.decode(line) for line in traces.read_bytes().splitlines()]
    second = understudy.fit(traces, target=0.9, options=QUICK)
    deferred = sum(not one.answered for one in predictions)
    audited = sum(one.audited for one in predictions)
    assert second.summary.traces == len(lines) == 700 + deferred + audited
    assert second.summary.sampled == sum(line["sampled"] for line in lines)
    assert 700 + 0.4 * 700 < second.summary.sampled < 700 + 0.6 * 700
    assert second.passed
