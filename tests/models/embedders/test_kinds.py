import pytest

from models.embedders.kinds import (
    Reads,
    is_lazy,
    is_staged,
    needs_encoder,
    needs_text,
    parts_read,
    reads_text,
    sources,
    sources_of,
    tiers,
    vectors_of,
)
from models.errors import InvalidSpec

URL = "http://127.0.0.1:8080/v1#qwen"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("text", [Reads(True, None)]),
        ("precomputed", [Reads(False, "precomputed")]),
        ("text+precomputed", [Reads(True, "precomputed")]),
        ("text>precomputed", [Reads(True, None), Reads(False, "precomputed")]),
        ("text>text+onnx:/m", [Reads(True, None), Reads(True, "onnx:/m")]),
        ("text+model2vec:a+b c/text+d", [Reads(True, "model2vec:a+b c/text+d")]),
        (f"text>probe:{URL}", [Reads(True, None), Reads(False, f"probe:{URL}")]),
        (
            f"text>onnx:/m>text+probe:{URL}",
            [Reads(True, None), Reads(False, "onnx:/m"), Reads(True, f"probe:{URL}")],
        ),
    ],
)
def test_each_tier_says_what_it_reads(spec: str, expected: list[Reads]) -> None:
    assert tiers(spec) == tuple(expected)


@pytest.mark.parametrize(
    ("spec", "vectors", "text", "encoded", "needed"),
    [
        ("text", None, True, False, True),
        ("precomputed", "precomputed", False, False, False),
        ("text>precomputed", "precomputed", True, False, True),
        ("onnx:/m", "onnx:/m", False, True, True),
        ("text+onnx:/m", "onnx:/m", True, True, True),
    ],
)
def test_what_a_request_must_bring_follows(
    spec: str, vectors: str | None, text: bool, encoded: bool, needed: bool
) -> None:
    assert (vectors_of(spec), reads_text(spec), needs_encoder(spec), needs_text(spec)) == (
        vectors,
        text,
        encoded,
        needed,
    )


@pytest.mark.parametrize(
    ("spec", "expected", "read", "staged", "lazy"),
    [
        ("text", [], (0,), False, False),
        ("text>precomputed", ["precomputed"], (0, 1), False, True),
        ("onnx:/a>text+onnx:/a", ["onnx:/a"], (1, 1), False, False),
        ("onnx:/a>onnx:/b", ["onnx:/a", "onnx:/b"], (1, 2), True, True),
        ("text>onnx:/b>text+onnx:/b>onnx:/a", ["onnx:/b", "onnx:/a"], (0, 1, 1, 2), True, True),
        ("onnx:/b>onnx:/a>text+onnx:/b", ["onnx:/b", "onnx:/a"], (1, 2, 2), True, True),
    ],
)
def test_tiers_read_the_vectors_of_their_sources(
    spec: str, expected: list[str], read: tuple[int, ...], staged: bool, lazy: bool
) -> None:
    assert (list(sources(spec)), parts_read(spec), is_staged(spec), is_lazy(spec)) == (
        expected,
        read,
        staged,
        lazy,
    )
    joined = vectors_of(spec)
    assert joined is None or list(sources_of(joined)) == expected


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", ["a tier is empty"]),
        ("text>", ["a tier is empty"]),
        ("text > onnx:/m", ["`text ` has spaces", "` onnx:/m` has spaces"]),
        ("bert", ["`bert` is none of text, precomputed, model2vec:"]),
        ("text+text", ["`text` is none of"]),
        ("onnx:", ["`onnx:` must go on with a folder"]),
        ("endpoint:host#m", ["`endpoint:host#m` needs an address like http://"]),
        ("probe:http://host:x/#m", ["needs an address"]),
        ("endpoint:http://host/v1", ["does not name its model"]),
        ("text>text", ["`text` is there twice"]),
        ("text>onnx:/a>onnx:/b>onnx:/c>onnx:/d", ["4 tiers at most, not 5"]),
        ("precomputed>text+onnx:/b", ["`precomputed` can't stand beside encoders"]),
        ("bert>onnx:>bert", ["`bert` is none of", "`onnx:` must go on", "`bert` is there twice"]),
    ],
)
def test_every_problem_is_named(spec: str, says: list[str]) -> None:
    with pytest.raises(InvalidSpec) as refused:
        tiers(spec)
    assert len(refused.value.problems) == len(says)
    for problem, said in zip(refused.value.problems, says, strict=True):
        assert said in problem
        assert problem in str(refused.value)
