"""A policy opens only if every check passes, and never accepts a row that it can't score."""

import hashlib
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from models.artifact import Artifact
from models.errors import PolicyError
from models.features import Features
from models.fit import FitResult
from models.graph.building import FLOAT, INT64, UINT8, Graph
from models.manifest import FORMAT, FrontierPoint, Manifest
from models.policy import Policy

from .conftest import WIDTH


def opened(artifact: Artifact) -> Policy:
    return Policy.open(artifact.manifest, artifact.graph)


def changed(artifact: Artifact, **fields: object) -> Artifact:
    """The artifact with a manifest that is properly sealed and says something else."""
    return Artifact(replace(Manifest.decode(artifact.manifest), **fields).encode(), artifact.graph)


@pytest.fixture
def artifact(result: FitResult) -> Artifact:
    assert result.artifact is not None
    return result.artifact


def test_it_survives_the_disk(artifact: Artifact, tmp_path: Path) -> None:
    artifact.write(tmp_path / "deep" / "policy")
    assert Artifact.read(tmp_path / "deep" / "policy") == artifact
    assert Policy.load(tmp_path / "deep" / "policy").manifest.version == "v1"
    assert sorted(path.name for path in (tmp_path / "deep" / "policy").iterdir()) == [
        "manifest.json",
        "policy.onnx",
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"manifest\.json"):
        Policy.load(tmp_path)


def test_any_flipped_byte_is_noticed_or_harmless(artifact: Artifact) -> None:
    generator = np.random.default_rng(0)
    for place in generator.integers(len(artifact.graph), size=8):
        graph = bytearray(artifact.graph)
        graph[place] ^= 1
        with pytest.raises(PolicyError, match="SHA-256"):
            Policy.open(artifact.manifest, bytes(graph))
    for place in generator.integers(len(artifact.manifest), size=300):
        manifest = bytearray(artifact.manifest)
        manifest[place] ^= 1 << int(generator.integers(8))
        try:
            assert Manifest.decode(bytes(manifest)) == Manifest.decode(artifact.manifest)
        except PolicyError:
            continue


def test_a_changed_threshold_is_noticed(artifact: Artifact) -> None:
    account = msgspec.json.decode(artifact.manifest)
    account["frontier"][0]["threshold"] = 0.123
    with pytest.raises(PolicyError, match="seal"):
        Manifest.decode(msgspec.json.encode(account))


def test_a_newer_format_is_refused_first(artifact: Artifact) -> None:
    newer = msgspec.json.encode({"format": FORMAT + 1, "surprise": True})
    with pytest.raises(PolicyError, match="newer"):
        Policy.open(newer, artifact.graph)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff\xfe", b'{"format": 1}'])
def test_other_bytes_are_no_manifest(raw: bytes) -> None:
    with pytest.raises(PolicyError, match="manifest"):
        Manifest.decode(raw)


def test_other_bytes_are_no_graph(artifact: Artifact) -> None:
    junk = b"not a graph"
    lying = changed(artifact, sha256=hashlib.sha256(junk).hexdigest())
    with pytest.raises(PolicyError, match="ONNX"):
        Policy.open(lying.manifest, junk)


def test_a_graph_must_match_its_test_vectors(artifact: Artifact) -> None:
    probes = Manifest.decode(artifact.manifest).probes
    other = replace(probes[1], score=1.0 - probes[1].score)
    with pytest.raises(PolicyError, match="test vector 1"):
        opened(changed(artifact, probes=(probes[0], other)))


def test_a_graph_for_other_features_is_refused(artifact: Artifact) -> None:
    other = None if Manifest.decode(artifact.manifest).dimension else WIDTH
    with pytest.raises(PolicyError, match=r"inputs are|does not name the 2 parts"):
        opened(changed(artifact, dimension=other))


@pytest.mark.parametrize("later", ["text>crystal:/ball", ">".join(f"onnx:/{tier}" for tier in range(5))])
def test_an_embedder_of_a_later_release_is_refused_like_a_damage(artifact: Artifact, later: str) -> None:
    """Who loads policies for all tasks must not end by one of them."""
    with pytest.raises(PolicyError, match="manifest: this release does not know its embedder"):
        opened(changed(artifact, embedder=later))


def test_wrong_features_are_refused(policy: Policy) -> None:
    if "text" in policy.manifest.embedder:
        with pytest.raises(PolicyError, match="reads texts"):
            policy.score(Features(embeddings=np.zeros((1, WIDTH), dtype=np.float32)))
    if policy.manifest.dimension is not None:
        with pytest.raises(PolicyError, match="reads vectors"):
            policy.score(Features(texts=["hello"]))
        with pytest.raises(PolicyError, match=rf"\[n, {policy.manifest.dimension}\]"):
            policy.score(Features(["hello"], np.zeros((1, WIDTH + 1), dtype=np.float32)))


def test_a_vector_that_is_not_finite_is_deferred(results: dict[str, FitResult]) -> None:
    artifact = results["precomputed"].artifact
    assert artifact is not None
    policy = opened(artifact)
    vectors = np.ones((4, WIDTH), dtype=np.float32)
    vectors[0, 3], vectors[1, 0], vectors[2, 5] = np.nan, np.inf, 3e38
    vectors[3] = 0.0
    scores = policy.score(Features(embeddings=vectors))
    assert (scores.novelty > policy.manifest.novelty_limit).all()
    assert np.isfinite(scores.score).all()


def test_a_graph_of_an_older_release_reads_whole_texts(results: dict[str, FitResult]) -> None:
    """Its input is `text`, the bytes as they are, and its score here the largest of them."""
    artifact = results["text"].artifact
    assert artifact is not None
    graph = Graph()
    text = graph.add("Cast", graph.input("text", UINT8, ["n", "length"]), to=FLOAT)
    largest = graph.add("ReduceMax", text, graph.axes(1), keepdims=0)
    graph.output("label", INT64, graph.add("Cast", graph.add("Sub", largest, largest), to=INT64))
    graph.output("score", FLOAT, graph.add("Div", largest, graph.number(256.0)))
    graph.output("novelty", FLOAT, graph.add("Sub", largest, largest))
    older = graph.serialise()
    digest = hashlib.sha256(older).hexdigest()
    policy = opened(Artifact(changed(artifact, sha256=digest, probes=()).manifest, older))
    texts = ["AbcZ", "", "a", "Z" * 700]
    scores = policy.score(Features(texts))
    np.testing.assert_array_equal(scores.score * 256, [ord("c"), 0, ord("a"), ord("Z")])
    np.testing.assert_array_equal(policy.score(Features(["Zz"])).score * 256, [ord("z")])


def test_no_rows_give_no_scores(embedder: str, policy: Policy) -> None:
    nothing = Features([], np.zeros((0, WIDTH), dtype=np.float32))
    assert len(policy.score(nothing).label) == 0


def test_a_target_takes_the_next_threshold(artifact: Artifact) -> None:
    points = tuple(
        FrontierPoint(target, threshold, 0.5, target) for target, threshold in [(0.9, 0.7), (0.95, 0.8)]
    )
    manifest = replace(Manifest.decode(artifact.manifest), frontier=points)
    assert [manifest.threshold(target) for target in (0.5, 0.9, 0.91, 0.95, 0.96)] == [
        0.7,
        0.7,
        0.8,
        0.8,
        None,
    ]


def test_deciding_does_not_load_training() -> None:
    program = "import sys, models.policy; print(any(m in sys.modules for m in ('sklearn', 'scipy', 'onnx')))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
