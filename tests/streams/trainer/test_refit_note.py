"""The note of a refit that runs: renewed while it does, gone with it, and of no weight for it."""

import asyncio
from typing import cast

from schemas.redis_keys import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.state.running_refits import RunningRefit, RunningRefits
from streams.trainer.refit_note import RefitNote

REFIT = RunningRefit(5, 300)


async def test_a_note_lasts_as_long_as_the_refit(connection: Connection, keys: Keys) -> None:
    refits = RunningRefits(connection, keys)
    async with RefitNote(refits, 0.3).kept("t", REFIT) as tell:
        await asyncio.sleep(0.6)
        assert await refits.of(["t", "other"]) == {"t": REFIT}
        tell("gate")
        await asyncio.sleep(0.5)
        assert (await refits.of(["t"]))["t"].doing == "gate"
    assert await refits.of(["t"]) == {}


async def test_a_note_of_a_trainer_that_is_gone_ends(connection: Connection, keys: Keys) -> None:
    refits = RunningRefits(connection, keys)
    await refits.note("t", REFIT, 0.05)
    await asyncio.sleep(0.5)
    assert await refits.of(["t"]) == {}


async def test_an_outage_of_redis_holds_up_no_refit() -> None:
    class Away:
        async def note(self, *_: object) -> None:
            raise StateUnavailable("Redis is away")

        end = note

    async with RefitNote(cast("RunningRefits", Away()), 0.01).kept("t", REFIT) as tell:
        tell("gate")
        await asyncio.sleep(0.05)
