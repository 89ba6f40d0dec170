"""A task on a real Kafka and Redis whose registry keeps two versions, and the commands on it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from schemas.codec import EVENT
from schemas.events import Event
from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.registry import Registry
from streams.versions.promotion import AT_ONCE, PromotionPlan
from streams.versions.serving_state import ServingState
from tests.infra.conftest import Run
from tests.system.deployment import Deployment
from tests.system.topics import everything
from tests.system.wishes import policy

Answer = TypeVar("Answer")
TASK = "wishes"


class Room:
    """A task whose registry keeps two versions, and the commands on it."""

    def __init__(self, deployment: Deployment, run: Run) -> None:
        self.deployment = deployment
        self.run = run

    def publish(self, number: int, plan: PromotionPlan = AT_ONCE) -> None:
        made = policy(TASK)
        assert self.asked(
            lambda registry: registry.publish(TASK, f"v{number}", number, 0, made, 1000 + number, plan)
        )

    def serving_state(self) -> ServingState:
        return self.asked(lambda registry: registry.serving_state(TASK))

    def asked(self, question: Callable[[Registry], Awaitable[Answer]]) -> Answer:
        return self.with_connection(lambda connection, keys: question(Registry(connection, keys, 2)))

    def with_connection(self, use: Callable[[Connection, Keys], Awaitable[Answer]]) -> Answer:
        async def run() -> Answer:
            connection = Connection(self.deployment.redis)
            try:
                return await use(connection, self.deployment.keys)
            finally:
                await connection.aclose()

        return asyncio.run(run())

    def events(self) -> list[Event]:
        topic = self.deployment.topics.events
        found = [EVENT.decode(message.value()) for message in everything(self.deployment, topic)]
        return sorted(found, key=lambda event: event.at)

    def states(self, task: str = TASK) -> dict[str, str | None]:
        ended = self.run("policies", "list", task, "--json")
        return {one["version"]: one["state"] for one in json.loads(ended.out)["versions"]}
