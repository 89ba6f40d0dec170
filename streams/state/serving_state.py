"""Serving states in Redis: how they are read, and the commands that make a change."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from schemas.redis_keys import Keys
from streams.errors import StateUnreadable, TransitionRefused
from streams.state.connection import as_text
from streams.versions.breaker_state import CLOSED, Breaker
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import PromotionPlan
from streams.versions.serving_state import ActiveVersion, Candidate, Pin, ServingChange, ServingState

log = logging.getLogger(__name__)

Word = str | int | float | bytes
Fields = Mapping[str, str]

# How many of the newest transitions are kept.
_HISTORY = 500
REPLIES = 6
_OPEN, _CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True)
class Command:
    """A Redis command on one key."""

    name: str
    key: str
    words: tuple[Word, ...] = ()


def script_words(
    keys: Keys, task: str, count: int, token: int | None, commands: Sequence[Command]
) -> tuple[list[str], list[Word]]:
    """KEYS and ARGV of `registry_change.lua`."""
    named = [keys.serving_state(task), keys.fence(task)]
    words: list[Word] = [count, "" if token is None else token]
    for command in commands:
        if command.key not in named:
            named.append(command.key)
        words += [2 + len(command.words), command.name, named.index(command.key) + 1, *command.words]
    return named, words


def commands_for(keys: Keys, task: str, before: ServingState, change: ServingChange) -> list[Command]:
    """The commands that make the change; parts that stay the same are not written."""
    after = change.serving_state
    parts: dict[str, tuple[dict[str, Word], dict[str, Word]]] = {
        keys.active(task): (_of_active(before.active), _of_active(after.active)),
        keys.candidate(task): (_of_candidate(before.candidate), _of_candidate(after.candidate)),
        keys.breaker(task): (_of_breaker(before.breaker), _of_breaker(after.breaker)),
        keys.pinned(task): (_of_pin(before.pin), _of_pin(after.pin)),
        keys.recency(task): ({"since": before.certify_from}, {"since": after.certify_from}),
    }
    commands = []
    for key, (was, fields) in parts.items():
        if was != fields:
            commands.append(Command("DEL", key))
        if was != fields and fields:
            commands.append(Command("HSET", key, tuple(word for field in fields.items() for word in field)))
    return commands + history_entries(keys, task, change.moves)


def history_entries(keys: Keys, task: str, moves: Sequence[Transition]) -> list[Command]:
    """The commands that append transitions to the task's history."""
    if not moves:
        return []
    history = keys.history(task)
    return [
        Command("RPUSH", history, tuple(msgspec.json.encode(move) for move in moves)),
        Command("LTRIM", history, (-_HISTORY, -1)),
    ]


async def read_serving_state(redis: Redis, keys: Keys, task: str) -> ServingState:
    """The serving state, all its parts as of one moment.

    Raises:
        StateUnreadable: a part has a value that this release does not know.
    """
    async with redis.pipeline(transaction=True) as pipeline:
        queue_serving_state(pipeline, keys, task)
        replies = await pipeline.execute()
    return decode_serving_state(task, replies)


def queue_serving_state(pipeline: Pipeline, keys: Keys, task: str) -> None:
    """Queue the commands that read a serving state; there are `REPLIES` of them."""
    pipeline.mget(keys.serving_state(task), keys.fence(task))
    for key in (keys.active, keys.candidate, keys.breaker, keys.pinned, keys.recency):
        pipeline.hgetall(key(task))


def decode_serving_state(task: str, replies: Sequence[Any]) -> ServingState:
    """The serving state in these replies. Raises StateUnreadable: see `read_serving_state`."""
    (count, fence), *hashes = replies
    try:
        return _serving_state(int(count or 0), int(fence or 0), hashes)
    except (KeyError, ValueError) as error:
        raise StateUnreadable(
            f"the serving state in Redis can't be read: task={task}: {error!r}; update this worker, or "
            f"repair the task's keys"
        ) from error


def _serving_state(count: int, fence: int, hashes: Sequence[Mapping[Any, Any]]) -> ServingState:
    active, candidate, breaker, pin, recency = map(_texts, hashes)
    return ServingState(
        count=count,
        fence=fence,
        active=_active(active),
        candidate=_candidate(candidate),
        breaker=_breaker(breaker),
        pin=_pin(pin),
        certify_from=int(recency.get("since", 0)),
    )


async def read_history(redis: Redis, keys: Keys, task: str) -> list[Transition]:
    """The transitions that are kept, oldest first; an unreadable one is skipped and logged."""
    transitions = []
    for raw in await redis.lrange(keys.history(task), 0, -1):
        try:
            transitions.append(msgspec.json.decode(raw, type=Transition))
        except (msgspec.DecodeError, TransitionRefused) as error:
            log.warning("history entry is unreadable, skipped: task=%s: %s", task, error)
    return transitions


def _texts(stored: Mapping[Any, Any]) -> dict[str, str]:
    return {as_text(name): as_text(value) for name, value in stored.items()}


def _of_active(active: ActiveVersion | None) -> dict[str, Word]:
    if active is None:
        return {}
    return {"version": active.version, "token": active.token, "since": active.since}


def _active(fields: Fields) -> ActiveVersion | None:
    return ActiveVersion(fields["version"], int(fields["token"]), int(fields["since"])) if fields else None


def _of_candidate(candidate: Candidate | None) -> dict[str, Word]:
    if candidate is None:
        return {}
    plan = candidate.plan
    return {
        "version": candidate.version,
        "mode": plan.mode.value,
        "share": plan.share,
        "needs": plan.needs,
        "token": candidate.token,
        "since": candidate.since,
        "certify_from": candidate.certify_from,
    }


def _candidate(fields: Fields) -> Candidate | None:
    if not fields:
        return None
    plan = PromotionPlan(VersionStage(fields["mode"]), float(fields["share"]), int(fields["needs"]))
    # Earlier releases wrote no `certify_from`: what is not known is older than any alarm.
    certify_from = int(fields.get("certify_from", 0))
    return Candidate(fields["version"], plan, int(fields["token"]), int(fields["since"]), certify_from)


def _of_breaker(breaker: Breaker) -> dict[str, Word]:
    if breaker == CLOSED:
        return {}
    return {
        "state": _OPEN if breaker.open else _CLOSED,
        "against": " ".join(breaker.against),
        "since": breaker.since,
        "reason": breaker.reason,
        "by": breaker.by,
    }


def _breaker(fields: Fields) -> Breaker:
    """The breaker; it is open unless Redis says that it is closed."""
    if not fields:
        return CLOSED
    return Breaker(
        open=fields.get("state") != _CLOSED,
        against=tuple(fields.get("against", "").split()),
        since=int(fields.get("since", 0)),
        reason=fields.get("reason", ""),
        by=fields.get("by", ""),
    )


def _of_pin(pin: Pin | None) -> dict[str, Word]:
    return {} if pin is None else {"since": pin.since, "reason": pin.reason, "by": pin.by}


def _pin(fields: Fields) -> Pin | None:
    return Pin(int(fields["since"]), fields["reason"], fields["by"]) if fields else None
