"""A policy answers for the encoder that its vectors came from, and for no other."""

from models.embedders.contract import Embedder
from models.embedders.spec import needs_encoder
from models.errors import PolicyError
from models.manifest import Manifest


def mismatch_reason(manifest: Manifest, embedder: Embedder | None) -> str | None:
    """Why the policy can't be used with this encoder; None where it can.

    Args:
        embedder: the one that is open; None where none is.

    Raises:
        InvalidSpec: the manifest's `embedder` is not in the grammar.
    """
    if not needs_encoder(manifest.embedder):
        return None
    policy = (
        f"policy {manifest.version} reads vectors of {manifest.encoder or 'an encoder that it does not name'}"
    )
    if embedder is None:
        return f"{policy}, and no encoder is open"
    if embedder.id != manifest.encoder:
        return f"{policy}, and `{manifest.embedder}` is {embedder.id} here"
    if embedder.dimension != manifest.dimension:
        return f"{policy} with {manifest.dimension} numbers, and here they have {embedder.dimension}"
    return None


def check(manifest: Manifest, embedder: Embedder | None) -> None:
    """Raises PolicyError: see `mismatch_reason`."""
    problem = mismatch_reason(manifest, embedder)
    if problem is not None:
        raise PolicyError(f"{problem}: give it that encoder, or fit it anew with this one")
