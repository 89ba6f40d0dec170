"""Options for features: texts, vectors from a file, or vectors that an encoder makes of the texts."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from infra.files.formats import content, decode_text
from infra.files.traces import Line
from infra.files.vectors import features
from models.embedders.compatibility import check
from models.embedders.contract import Embedder
from models.embedders.kinds import (
    PRECOMPUTED,
    TEXT,
    needs_encoder,
    needs_prompt,
    reads_text,
    tiers,
    vectors_of,
)
from models.embedders.loader import open_embedder
from models.embedders.prompt import DEFAULT, Prompt
from models.errors import InvalidSpec
from models.features import Features
from models.manifest import Manifest

AT_ONCE = 1000

EmbedderName = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Features to read: text, precomputed (needs --embeddings), model2vec:FOLDER, onnx:FOLDER, "
        "endpoint:URL#MODEL, probe:URL#MODEL, decisions:URL#MODEL, systemone:URL#MODEL; text+... for both, "
        "A>B>... for one after another.",
    ),
]
PromptFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Prompt of a probe: a text with {text} in it, and {labels} where you like."
    ),
]


def embedder_named(embedder: str | None, embeddings: Path | None) -> str:
    """The features to read; by default the vectors where there are any, else the texts.

    Raises:
        BadParameter: it is not in the grammar, or does not go with the file of vectors or its absence.
    """
    spec = embedder or (TEXT if embeddings is None else PRECOMPUTED)
    try:
        source = vectors_of(spec)
    except InvalidSpec as error:
        raise typer.BadParameter("; ".join(error.problems), param_hint="--embedder") from error
    if source == PRECOMPUTED and embeddings is None:
        raise typer.BadParameter(f"missing: `{spec}` reads vectors from a file", param_hint="--embeddings")
    if source != PRECOMPUTED and embeddings is not None:
        makes = "makes its vectors itself" if source else "reads no vectors"
        raise typer.BadParameter(f"`{spec}` {makes}: leave it out", param_hint="--embeddings")
    return spec


def read_by(policy: Manifest, embedder: str | None, embeddings: Path | None) -> str:
    """The features to read for a policy: those of its fit, from the encoder at `embedder` where one is given.

    Raises:
        BadParameter: as `embedder_named`, or the policy reads something else.
    """
    spec = embedder_named(embedder or policy.embedder, embeddings)
    if [tier.text for tier in tiers(spec)] != [tier.text for tier in tiers(policy.embedder)]:
        raise typer.BadParameter(f"the policy reads `{policy.embedder}`", param_hint="--embedder")
    return spec


def encoder_of(spec: str, prompt: Path | None, labels: Sequence[str]) -> Embedder | None:
    """The encoder that makes the vectors; None where none does.

    Args:
        prompt: file with a probe's prompt; None for ours.
        labels: for the prompt.

    Raises:
        EmbedderError: it can't be opened.
        InvalidFile: the prompt can't be read.
    """
    source = vectors_of(spec)
    if source is None or not needs_encoder(spec):
        return None
    return open_embedder(source, prompt_of(prompt, labels) if needs_prompt(source) else None)


def prompt_of(prompt: Path | None, labels: Sequence[str]) -> Prompt:
    """The prompt of a probe or a decision model: a file's, or ours. Raises InvalidFile, EmbedderError."""
    return Prompt.of(DEFAULT if prompt is None else decode_text(prompt, content(prompt)), labels)


def given_vectors(lines: Sequence[Line], file: Path, spec: str, embeddings: Path | None) -> Features:
    """The features that the files hold: vectors, texts or both. Raises InvalidFile."""
    found = features(lines, file, embeddings)
    if found.embeddings is None or not reads_text(spec):
        return found
    return Features([line.text or "" for line in lines], found.embeddings)


def complete_vectors(
    given: Features,
    spec: str,
    encoder: Embedder | None,
    progress: Callable[[float, str], None] = lambda _share, _doing: None,
) -> Features:
    """The features with the vectors that an encoder makes of the texts. Raises EmbedderError."""
    if encoder is None or given.texts is None:
        return given
    rows = embed_texts(encoder, given.texts, AT_ONCE, lambda share: progress(share, "embedding"))
    return Features(given.texts if reads_text(spec) else None, rows)


def embed_texts(
    encoder: Embedder, texts: Sequence[str], at_once: int, progress: Callable[[float], None]
) -> NDArray[np.float32]:
    """The vectors of many texts, float32 [n, d], so many at a time. Raises EmbedderError."""
    parts = [np.empty((0, encoder.dimension), dtype=np.float32)]
    for begin in range(0, len(texts), at_once):
        progress(begin / len(texts))
        parts.append(encoder.embed(texts[begin : begin + at_once]))
    return np.concatenate(parts)


def read_for(
    policy: Manifest,
    lines: Sequence[Line],
    file: Path,
    spec: str,
    embeddings: Path | None,
    prompt: Path | None,
) -> Features:
    """The features of the lines that a policy scores.

    Raises:
        PolicyError: the encoder is not the one that the policy was fitted with.
        InvalidFile, EmbedderError: as `given_vectors` and `encoder_of`.
    """
    encoder = encoder_of(spec, prompt, policy.labels)
    check(policy, encoder)
    return complete_vectors(given_vectors(lines, file, spec, embeddings), spec, encoder)
