"""Encoder identity: refuses an encoder behind an address that is no longer the one that it was at first."""

from functools import partial

from models.embedders.contract import Embedder
from models.embedders.kinds import is_remote
from models.embedders.reference import change_between, reference_vectors
from models.errors import EncoderChanged
from streams.encoder_spec import EncoderSpec
from streams.routing.daemon_thread import run_in_daemon
from streams.state.encoder_references import EncoderReferences


class EncoderIdentity:
    """Compares encoders with those that were first met under their ids."""

    def __init__(self, references: EncoderReferences) -> None:
        self._references = references

    async def check(self, spec: EncoderSpec, embedder: Embedder) -> None:
        """Encoders on disk are named by their content, so they are not asked.

        Raises:
            EncoderChanged: it makes other vectors than at first.
            EmbedderError: it makes none.
            StateUnavailable: nobody can tell, since Redis is not available.
        """
        if not is_remote(spec.vectors):
            return
        now = await run_in_daemon(partial(reference_vectors, embedder), f"check-{spec.vectors}")
        change = change_between(await self._references.first(embedder.id, now), now)
        if change is not None:
            raise EncoderChanged(
                f"`{spec.vectors}` is another model than the one that policies and traces know: {change}. "
                "Bring that model back, name the new one otherwise, or, if this is what you want, forget the "
                f"old one: understudy encoders forget '{embedder.id}'"
            )
