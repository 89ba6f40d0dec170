"""Stored objects: responses and completions that an LLM's API keeps, each for the app that has created it.

Apps that bring no key of their own for the LLM share the gateway's, so that its API can't tell them apart. An
object belongs to the app's key with which it was created, and other keys that share the account are told that
there is none. What nobody knows, as one that was created elsewhere, belongs to nobody while there are others.

An app's own key for the LLM is the LLM's to check. Not every LLM checks one, so what another app is known to
have created is denied here too; a list is not, as nothing here knows what it will hold.
"""

import hashlib
import logging
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from schemas.api_keys import ApiKey
from schemas.config import EVERY_TASK, TeacherConfig
from streams.errors import StateUnavailable
from streams.gateway.chat.conversation import value_at
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.outage import Outage
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_LOOKED_AT = 65_536
"""Bytes of a reply in which its id is looked for: it comes first."""
_WHOLE_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([A-Za-z0-9_-]{1,256})"')
_EVENT = re.compile(rb"^data:[ ]*(\{.*\})\r?\n", re.MULTILINE)
_GZIP_WINDOW = 31
_REFERENCES = (None, "item_reference")
"""Types of an item that refers to a stored one by its id; OpenAI's API lets the type be left out."""
_HOW = (
    "apps that share the gateway's key for the LLM can't read each other's: bring the app's own key in "
    "`authorization` and the gateway's in `x-understudy-key`, or give its task a `teacher.key_env` of its own"
)


class ObjectUse(NamedTuple):
    """What a call does with stored objects.

    Attributes:
        names: ids of those that it is about, or goes on from.
        lists: it asks for a list.
        creates: its reply is kept under an id.
        is_unknown: its body can't be read here, so it may go on from any object.
    """

    names: Sequence[str] = ()
    lists: bool = False
    creates: bool = False
    is_unknown: bool = False


class OwnersStore(Protocol):
    """Which key has created which object; both raise StateUnavailable."""

    async def note(self, account: str, name: str, owner: str) -> None: ...

    async def owner(self, account: str, name: str) -> str | None: ...


class StoredObjects:
    """Args:
    keys: of apps as they are now, by their ids; None while nobody knows.
    """

    def __init__(
        self, tasks: Tasks, keys: Callable[[], Mapping[str, ApiKey] | None], owners: OwnersStore
    ) -> None:
        self._tasks = tasks
        self._outage = Outage(
            log,
            "owners of stored objects are not noted, apps may not read these later",
            "owners of stored objects are noted again",
        )
        self._keys = keys
        self._owners = owners

    async def require_own(self, key: ApiKey, config: TeacherConfig, use: ObjectUse) -> None:
        """Raises HttpProblem: another app may have created what the call is about, or nobody can say now."""
        if not (use.names or use.lists or use.is_unknown) or not self._is_shared(key, config):
            return
        if use.is_unknown:
            detail = f"the body can't be read, so it may name another app's object: send plain JSON; {_HOW}"
            raise HttpProblem(ProblemKind.INVALID, detail)
        if use.lists:
            raise HttpProblem(ProblemKind.FORBIDDEN, f"the list would hold other apps' objects: {_HOW}")
        for name in use.names:
            try:
                owner = await self._owners.owner(_account(config), name)
            except StateUnavailable as error:
                detail = "Redis is away, and only it knows which app has created a stored object"
                raise unavailable(detail) from error
            if owner != key.id:
                detail = f"this app's key has created no object {name[:100]!r}: {_HOW}"
                raise HttpProblem(ProblemKind.NOT_FOUND, detail)

    async def require_not_anothers(
        self, key: ApiKey, config: TeacherConfig, use: ObjectUse, authorization: str
    ) -> None:
        """The same for an app that brings its own key for the LLM: what nobody knows is the LLM's to judge.

        Raises HttpProblem: another app has created what the call is about.
        """
        own = (None, key.id, _owner_by(authorization))
        for name in use.names:
            try:
                owner = await self._owners.owner(_account(config), name)
            except StateUnavailable as error:
                self._outage.note_failure(error)
                return
            if owner not in own:
                raise HttpProblem(ProblemKind.NOT_FOUND, f"another app has created {name[:100]!r}")

    async def note(
        self, key: ApiKey, config: TeacherConfig, name: str, authorization: str | None = None
    ) -> None:
        """Note that an object was created with this key, or with the app's own for the LLM."""
        owner = key.id if authorization is None else _owner_by(authorization)
        try:
            await self._owners.note(_account(config), name, owner)
        except StateUnavailable as error:
            self._outage.note_failure(error)
        else:
            self._outage.note_success()

    def _is_shared(self, key: ApiKey, config: TeacherConfig) -> bool:
        """Whether another key reaches the same account of the LLM's API."""
        account = _account(config)
        names = {*self._tasks.names(), EVERY_TASK}
        reached = {name for name in names if _account(self._tasks.task(name).config.teacher) == account}
        others = [other for other in (self._keys() or {}).values() if other.id != key.id]
        return any(other.allows(name) for other in others for name in reached)


class CreatedObject:
    """The id of what a reply has created, found while the reply passes.

    Args:
        encoding: of the reply.
    """

    def __init__(self, encoding: str) -> None:
        self._unpacker = zlib.decompressobj(_GZIP_WINDOW) if encoding == "gzip" else None
        self._is_done = encoding not in ("", "identity", "gzip")
        self._plain = b""

    def see(self, chunk: bytes) -> str | None:
        """The id, once, with the chunk that completes it."""
        if self._is_done:
            return None
        try:
            self._plain += self._unpacker.decompress(chunk, _LOOKED_AT) if self._unpacker else chunk
        except zlib.error:
            self._is_done = True
            return None
        found = _id_in(self._plain[:_LOOKED_AT])
        self._is_done = found is not None or len(self._plain) >= _LOOKED_AT
        return found


def referred_objects(call: Mapping[str, Any]) -> list[str]:
    """Ids of stored objects that a response is to go on from."""
    conversation, given = call.get("conversation"), call.get("input")
    named = [call.get("previous_response_id"), conversation, value_at(conversation, "id")]
    items = given if isinstance(given, list) else []
    named += [value_at(item, "id") for item in items if value_at(item, "type") in _REFERENCES]
    return [name for name in named if isinstance(name, str)]


def _id_in(plain: bytes) -> str | None:
    """The id at the start of an object, or in a stream's first event: before anything that an app sent."""
    whole = _WHOLE_ID.match(plain)
    if whole is not None:
        return whole[1].decode()
    event = _EVENT.search(plain)
    try:
        said = None if event is None else msgspec.json.decode(event[1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = value_at(said, "response", "id") or value_at(said, "id")
    return found if isinstance(found, str) else None


def _owner_by(authorization: str) -> str:
    """Whoever has the same key for the LLM has the same objects, whatever key of the gateway they have."""
    return f"own-{hashlib.sha256(authorization.encode()).hexdigest()}"


def _account(config: TeacherConfig) -> str:
    return f"{(config.url or '').rstrip('/')} {config.key_env}"
