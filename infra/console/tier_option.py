"""Options of scan for one more tier: an encoder to try on some of the requests."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from infra.console.embedder_options import encoder_of
from models.embedders.kinds import TEXT, needs_encoder, tiers
from models.errors import InvalidSpec
from models.features import Features
from models.tier_gain import TierTrial
from models.training_set import TrainingSet

AT_ONCE = 32
MOST = 1_000

Tier = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Try an encoder as one more tier, e.g. probe:URL#MODEL: does it pay? Needs the embedder `text`.",
    ),
]
TierRequests = Annotated[int, typer.Option(min=50, help="Requests to try it on at most, drawn at random.")]


def embedder_with(embedder: str, tier: str) -> str:
    """The cascade of an embedder that reads the text alone and one more tier.

    Raises:
        BadParameter: the tier is no encoder, or the embedder reads vectors.
    """
    if embedder != TEXT:
        raise typer.BadParameter(
            f"`{embedder}` reads vectors already; try it beside `{TEXT}`", param_hint="--tier"
        )
    spec = f"{embedder}>{tier}"
    try:
        if len(tiers(spec)) != 2 or not needs_encoder(tier):
            raise typer.BadParameter(f"`{tier}` is not an encoder, e.g. probe:URL#MODEL", param_hint="--tier")
    except InvalidSpec as error:
        raise typer.BadParameter("; ".join(error.problems), param_hint="--tier") from error
    return spec


def tier_trial(
    requests: TrainingSet,
    embedder: str,
    tier: str,
    prompt: Path | None,
    most: int,
    progress: Callable[[float, str], None],
) -> TierTrial:
    """Some of the requests, with the vectors that the tier's encoder makes of them.

    Raises:
        BadParameter: see `embedder_with`.
        EmbedderError: the encoder can't be opened, or fails.
        InvalidFile: the prompt can't be read.
    """
    spec = embedder_with(embedder, tier)
    some = requests.take(_drawn(len(requests), most))
    encoder = encoder_of(tier, prompt, sorted(set(requests.labels)))
    texts = some.features.texts or ()
    assert encoder is not None  # noqa: S101 - `embedder_with` has refused anything else
    parts, began = [], time.perf_counter()
    for begin in range(0, len(texts), AT_ONCE):
        progress(begin / len(texts), "reading by the tier")
        parts.append(encoder.embed(texts[begin : begin + AT_ONCE]))
    milliseconds = 1000.0 * (time.perf_counter() - began) / max(len(texts), 1)
    with_vectors = TrainingSet(
        Features(texts, np.concatenate(parts)), some.labels, some.sampled, some.weights, some.ordered
    )
    return TierTrial(embedder, some, spec, with_vectors, tier, milliseconds)


def _drawn(count: int, most: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).permutation(count)[:most]).astype(np.int64)
