"""Checks that a policy gets vectors of the encoder that it was fitted with, and of no other."""

from collections.abc import Sequence

from models.embedders.composite import encoder_parts
from models.embedders.contract import Embedder
from models.embedders.kinds import needs_encoder, sources
from models.errors import PolicyError
from models.manifest import Manifest


def mismatch_reason(manifest: Manifest, embedder: Embedder | None) -> str | None:
    """Why the policy can't be used with this encoder; None if it can.

    Args:
        embedder: the open encoder; None if none is open.

    Raises:
        InvalidSpec: the manifest's `embedder` is not in the grammar.
    """
    if not needs_encoder(manifest.embedder):
        return None
    policy = f"policy {manifest.version} reads vectors of {manifest.encoder or 'an encoder without a name'}"
    if embedder is None:
        several = len(sources(manifest.embedder)) > 1
        return f"{policy}, but {'not all of these are' if several else 'no encoder is'} open"
    if embedder.id != manifest.encoder:
        return f"{policy}, but `{manifest.embedder}` is {embedder.id} here"
    if embedder.dimension != manifest.dimension:
        return f"{policy} of length {manifest.dimension}, but here their length is {embedder.dimension}"
    return None


def open_parts(manifest: Manifest, parts: Sequence[Embedder | None]) -> int:
    """How many of the policy's sources of vectors are open, and its own, before the first that is not.

    Args:
        parts: the encoder of each source; None where it is not open.
    """
    own = encoder_parts(manifest.encoder, manifest.dimension, len(sources(manifest.embedder))) or ()
    count = 0
    for part, opened in zip(own, parts, strict=False):
        if opened is None or (opened.id, opened.dimension) != (part.id, part.length):
            break
        count += 1
    return count


def check(manifest: Manifest, embedder: Embedder | None) -> None:
    """Raises PolicyError: see `mismatch_reason`."""
    reason = mismatch_reason(manifest, embedder)
    if reason is not None:
        raise PolicyError(f"{reason}: use that encoder, or fit the policy again with this one")
