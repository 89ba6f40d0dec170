"""What keeps an encoder from being opened is said with what to do about it."""

import sys

import pytest

from models.embedders.open import open_embedder
from models.embedders.prompt import Prompt
from models.errors import EmbedderError


@pytest.mark.parametrize("vectors", ["precomputed", "text", "bert:x"])
def test_what_is_no_encoder_is_not_opened(vectors: str) -> None:
    with pytest.raises(EmbedderError, match=f"`{vectors}` is no encoder"):
        open_embedder(vectors)


def test_a_probe_without_a_prompt_is_refused() -> None:
    with pytest.raises(EmbedderError, match="needs its prompt"):
        open_embedder("probe:http://127.0.0.1:1/v1#m")


@pytest.mark.parametrize(
    ("vectors", "module", "package"),
    [("model2vec:x", "static", "model2vec"), ("onnx:x", "onnx", "tokenizers")],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, vectors: str, module: str, package: str
) -> None:
    monkeypatch.delitem(sys.modules, f"models.embedders.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        EmbedderError, match=rf"{package} is not installed: pip install 'understudy\[encoders\]'"
    ):
        open_embedder(vectors)


@pytest.mark.parametrize("template", ["no place", "{text} and {text}"])
def test_a_prompt_has_the_text_once(template: str) -> None:
    with pytest.raises(EmbedderError, match=r"must have \{text\} once"):
        Prompt.of(template, ())


def test_a_prompt_s_braces_other_than_its_own_stay_and_texts_fill_nothing_in() -> None:
    prompt = Prompt.of("{labels} {x}: {text}", ("a", "b {text}"))
    assert prompt.around("{labels} {text}") == "a\nb {text} {x}: {labels} {text}"


def test_prompts_with_other_words_on_either_side_have_other_hashes() -> None:
    prompts = [Prompt("a", "b"), Prompt("ab", ""), Prompt("", "ab"), Prompt.instructed("a", ())]
    assert len({prompt.hash for prompt in prompts}) == len(prompts)
