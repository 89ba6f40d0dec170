"""Options of scan for one more tier: an encoder to try on some of the requests."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from infra.console.embedder_options import embed_texts, encoder_of
from models.embedders.composite import join_parts, parts_of
from models.embedders.contract import Embedder
from models.embedders.kinds import needs_encoder, reads_text, sources
from models.errors import InvalidSpec
from models.features import Features
from models.tier_gain import TieredTraces, TierTrial
from models.training_set import TrainingSet

AT_ONCE = 32
MOST = 1_000

Tier = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Try an encoder as one more tier, e.g. probe:URL#MODEL: does it pay?",
    ),
]
TierRequests = Annotated[int, typer.Option(min=50, help="Requests to try it on at most, drawn at random.")]


def embedder_with(embedder: str, tier: str) -> str:
    """The cascade of an embedder and one more tier.

    Raises:
        BadParameter: the tier is no encoder, or there already, or it can't stand beside the embedder.
    """
    spec = f"{embedder}>{tier}"
    try:
        if len(sources(tier)) != 1 or not needs_encoder(tier) or reads_text(tier):
            raise typer.BadParameter(f"`{tier}` is not an encoder, e.g. probe:URL#MODEL", param_hint="--tier")
        if len(sources(spec)) == len(sources(embedder)):
            raise typer.BadParameter(f"`{embedder}` reads `{tier}` already", param_hint="--tier")
    except InvalidSpec as error:
        raise typer.BadParameter("; ".join(error.problems), param_hint="--tier") from error
    return spec


@dataclass(frozen=True, slots=True)
class TierChoice:
    """One more tier to try.

    Attributes:
        embedder: without it.
        encoder: of the embedder's vectors; None where it reads none.
        tier: see `Tier`.
        prompt: file with a probe's prompt; None for ours.
        most: requests to try it on.
    """

    embedder: str
    encoder: Embedder | None
    tier: str
    prompt: Path | None
    most: int

    def trial(
        self, requests: TrainingSet, texts: Sequence[str], progress: Callable[[float, str], None]
    ) -> TierTrial:
        """Some of the requests, with the vectors that the tier's encoder makes of their texts.

        Raises:
            BadParameter: see `embedder_with`.
            EmbedderError: the encoder can't be opened, or fails.
            InvalidFile: the prompt can't be read.
        """
        spec = embedder_with(self.embedder, self.tier)
        rows = _drawn(len(requests), self.most)
        some, read = requests.take(rows), [texts[row] for row in rows.tolist()]
        encoder = encoder_of(self.tier, self.prompt, sorted(set(requests.labels)))
        whole = join_parts([*parts_of(self.encoder), encoder])
        assert encoder is not None  # noqa: S101 - `embedder_with` has refused anything else
        assert whole is not None  # noqa: S101 - likewise
        began = time.perf_counter()
        vectors = embed_texts(encoder, read, AT_ONCE, lambda share: progress(share, "reading by the tier"))
        milliseconds = 1000.0 * (time.perf_counter() - began) / max(len(read), 1)
        if (before := some.features.embeddings) is not None:
            vectors = np.concatenate([before, vectors], axis=1)
        more = replace(some, features=Features(read if reads_text(spec) else None, vectors))
        id_before = None if self.encoder is None else self.encoder.id
        return TierTrial(
            TieredTraces(self.embedder, some, id_before),
            TieredTraces(spec, more, whole.id),
            self.tier,
            milliseconds,
        )


def _drawn(count: int, most: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).permutation(count)[:most]).astype(np.int64)
