"""The queues of this process's encoders: a slow one, or one that hangs, holds up no text of another."""

from collections.abc import Sequence

from mode import Service

from streams.encoder_spec import EncoderSpec, encoder_spec
from streams.routing.encoder_queue import EncoderQueue, Measure
from streams.routing.waiting_text import TextOwner, WaitingText
from streams.sampling import Sampler

_LOOK = 0.1
_UNUSED = 0.5
"""Seconds between looks until a text has waited for an encoder; texts wait for longer than this."""


class EncoderQueues(Service):
    """Used on the event loop only.

    Args:
        sampler: decides which requests are audited.
        measure: told of each part of the texts that was decided.
    """

    def __init__(self, sampler: Sampler, measure: Measure = lambda *_: None) -> None:
        super().__init__()
        self._sampler = sampler
        self._measure = measure
        self._queues: dict[EncoderSpec | None, EncoderQueue] = {}

    async def on_start(self) -> None:
        self.add_future(self._look_forever())

    def add(self, owner: TextOwner, name: str, texts: Sequence[WaitingText]) -> None:
        """Have the texts of a task decided; at once, without vectors, where its encoder is not open.

        Args:
            texts: all of them with the vectors of equally many encoders; they wait for the next one.
        """
        spec, place = encoder_spec(owner.task(name).config), len(texts[0].made)
        parts = spec.parts if spec else ()
        part = parts[place] if place < len(parts) else None
        if part not in self._queues:
            self._queues[part] = EncoderQueue(part, self._sampler, self.add, self._measure)
        self._queues[part].add(owner, name, texts)

    async def _look_forever(self) -> None:
        while not self.should_stop:
            await self.sleep(_LOOK if self._queues else _UNUSED)
            self.look()

    def look(self) -> None:
        """Give up what has waited for too long."""
        for queue in self._queues.values():
            queue.look()
