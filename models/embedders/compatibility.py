"""Checks that a policy gets vectors of the encoder that it was fitted with, and of no other."""

from models.embedders.contract import Embedder
from models.embedders.kinds import needs_encoder
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
        return f"{policy}, but no encoder is open"
    if embedder.id != manifest.encoder:
        return f"{policy}, but `{manifest.embedder}` is {embedder.id} here"
    if embedder.dimension != manifest.dimension:
        return f"{policy} of length {manifest.dimension}, but here their length is {embedder.dimension}"
    return None


def check(manifest: Manifest, embedder: Embedder | None) -> None:
    """Raises PolicyError: see `mismatch_reason`."""
    reason = mismatch_reason(manifest, embedder)
    if reason is not None:
        raise PolicyError(f"{reason}: use that encoder, or fit the policy again with this one")
