"""A room for the roles `route` and `encode`, with encoders that a test can hold."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.policy import Policy
from schemas.codec import ENCODING
from schemas.config import parse_override
from schemas.messages import Encoding, Label, Request
from streams.encoder_spec import EncoderSpec
from streams.kafka.batch import Outgoing
from streams.kafka.open_message import OpenMessage
from streams.roles.encode import EncodeRole
from streams.roles.route import RouteRole
from streams.routing.encoder_queues import EncoderQueues
from streams.sampling import Sampler
from streams.spending.encoder_use import EncoderUse
from streams.tasks import Tasks
from tests.streams.fakes import CARRIED, TOPICS, ScriptedEmbedder, ScriptedPolicy, flat, message

SPEC = "model2vec:/m"


class Held(ScriptedEmbedder):
    """Makes no vectors before it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.is_released = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.is_asked.set()
        self.is_released.wait(30)
        return super().embed(texts)


class Room:
    """Tasks `t`, whose texts are encoded, and `text`, whose texts are not."""

    def __init__(
        self,
        embedder: ScriptedEmbedder | None = None,
        policy: Policy | bool = True,
        spec: str = SPEC,
        audit_rate: float = 0.0,
    ) -> None:
        self.tasks = Tasks()
        self.tasks.configure("*", parse_override(msgspec.json.encode({"audit_rate": audit_rate})))
        self.tasks.configure("t", parse_override(msgspec.json.encode({"embedder": spec})))
        self.tasks.set_policy("text", ScriptedPolicy())
        if policy is True:
            given: dict[str, Any] = {"embedder": spec, "dimension": 3, "encoder": "scripted:1"}
            policy = ScriptedPolicy(**given)
        if policy:
            self.tasks.set_policy("t", policy)
        if embedder is not None:
            self.tasks.set_encoder(EncoderSpec(SPEC), embedder)
        sampler = Sampler(b"key")
        self.uses: dict[str, list[EncoderUse]] = {}
        self.encoders = EncoderQueues(sampler, self._measure)
        self.answers: Counter[str] = Counter()
        self._router = RouteRole(self.tasks, TOPICS, sampler, count_labels=self._count)
        self.role = EncodeRole(self.tasks, TOPICS, sampler, self.encoders, self._count)

    def _count(self, found: Sequence[Label]) -> None:
        self.answers.update(label.task for label in found)

    def _measure(self, _task: str, encoder: str, use: EncoderUse) -> None:
        self.uses.setdefault(encoder, []).append(use)

    async def sent(self, *texts: str | None, task: str = "t") -> list[Outgoing]:
        return await self.send(
            *(Request(f"r{at}", task, text, embedding=[1.0]) for at, text in enumerate(texts))
        )

    async def send(self, *requests: Request) -> list[Outgoing]:
        """All that comes of the requests, once nothing waits for an encoder any more."""
        routed, encodings = await self.routed(*requests)
        return [*routed, *await self.encoded(*encodings)]

    async def routed(self, *requests: Request) -> tuple[list[Outgoing], list[Encoding]]:
        """What `route` makes of the requests, and the encodings among it."""
        out = flat(await self._router.route_batch([message(request) for request in requests], 2000))
        encodings = [ENCODING.decode(one.value) for one in out if one.topic == TOPICS.encodings]
        assert all(
            (one.key, one.headers) == (b"key", CARRIED) for one in out if one.topic == TOPICS.encodings
        )
        return [one for one in out if one.topic != TOPICS.encodings], encodings

    async def encoded(self, *encodings: Encoding, seconds: float = 10.0) -> list[Outgoing]:
        """What `encode` makes of the encodings, in the order in which it answers."""
        opened, found = self.open(*encodings)
        self.role.take_in(opened)
        until = time.monotonic() + seconds
        while len(found) < len(opened) and time.monotonic() < until:
            await asyncio.sleep(0.005)
            self.encoders.look()
        assert len(found) == len(opened)
        return [output for outputs in found for output in outputs]

    def open(self, *encodings: Encoding) -> tuple[list[OpenMessage], list[Sequence[Outgoing]]]:
        found: list[Sequence[Outgoing]] = []

        def keep(_: OpenMessage, outputs: Sequence[Outgoing]) -> None:
            found.append(outputs)

        return [OpenMessage(message(one), keep) for one in encodings], found


async def happens(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never happened")
