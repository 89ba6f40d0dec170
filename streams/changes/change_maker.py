"""Change maker: shows what a wish would change, and makes it, one at a time in this process.

What is made is what was shown: a caller gives back the fingerprint of the diff, and where the task has
changed since, nothing is done. A preview rests on the config that this process has read; a change of it is
decided on what the topic holds when it is written (`streams.changes.config_writer`).
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from schemas.codec import EVENT
from schemas.config import NOTHING, Override, config_of
from schemas.errors import InvalidConfig
from schemas.operator_change import ChangedValue, ChangeWish, OperatorChange
from schemas.topics import Topics
from streams.changes.author import ChangeAuthor
from streams.changes.config_change import ConfigChange, config_change, config_outputs, made_change
from streams.changes.config_effects import answer_effects, guarantee_warnings
from streams.changes.config_writer import Decide
from streams.changes.operated_fields import OPERATED
from streams.changes.version_change import OUTDATED, change_versions, keep_change, serving_diff
from streams.changes.version_plan import VersionPlan, version_plan
from streams.errors import ChangeOutdated, DeliveryFailed, KafkaFailed, StateUnavailable
from streams.kafka.batch import Outgoing
from streams.state.operator_changes import OperatorChangeLog
from streams.state.registry import Registry
from streams.tasks import Tasks

log = logging.getLogger(__name__)

Write = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Writes to Kafka, and waits until that is acknowledged. Raises DeliveryFailed."""
WriteConfig = Callable[[Decide], Awaitable[None]]
"""Writes what is decided on the newest config; see `ConfigWriter.write`."""
OVERWRITTEN = "another change came at the same moment and holds in place of this one: look what is set now"
_LOOK = 0.02
_LOOKS = 500
"""Within this many looks this process reads the config message that it has written."""
_LOOKS_AT_OTHERS = 50
"""So many find the message of somebody else in its place."""


class ChangePreview(msgspec.Struct, frozen=True):
    """What a wish would change.

    Attributes:
        diff: empty where nothing would change.
        effects: sentences on what follows from it.
        seen: fingerprint, to be given back with the change.
    """

    diff: tuple[ChangedValue, ...]
    effects: tuple[str, ...]
    seen: str


class ChangeMaker:
    """Args:
    key_names: environment variables that may hold a teacher's key.
    is_away: whether Kafka acknowledges nothing now. Then no change of the config is handed to the producer,
        which would write it once Kafka is back, whatever was changed until then.
    """

    def __init__(
        self,
        tasks: Tasks,
        registry: Registry,
        kept: OperatorChangeLog,
        topics: Topics,
        key_names: Collection[str],
        write: Write,
        write_config: WriteConfig,
        is_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._tasks = tasks
        self._registry = registry
        self._kept = kept
        self._topics = topics
        self._key_names = key_names
        self._write = write
        self._write_config = write_config
        self._is_away = is_away
        self._turn = asyncio.Lock()

    async def preview(self, task: str, wish: ChangeWish, author: ChangeAuthor) -> ChangePreview:
        """Raises:
        ChangeOutdated: a field that it changes, or the live version, is not as where the wish was made.
        InvalidConfig, TransitionRefused: it can't be changed so; says why.
        StateUnavailable: Redis is away.
        """
        if wish.what == "config":
            change = self._config_change(task, wish, self._tasks.overrides)
            if change.diff and (names := change.differing(wish.shown)):
                named = ", ".join(f"`{name}`" for name in names)
                since = f"{named}: it has been changed since this was shown: look again"
                raise ChangeOutdated(since + await self._newest(task))
            return _preview(wish, change.diff, self._config_effects(change), change.basis)
        return await self._version_preview(task, wish, await self._plan(task, wish, author))

    async def make(self, task: str, wish: ChangeWish, author: ChangeAuthor, seen: str) -> OperatorChange:
        """Make what was shown.

        Args:
            seen: of its preview.

        Raises:
            ChangeOutdated: it would change something else by now, or nothing; or another change of the config
                came at the same moment.
            DeliveryFailed: Kafka has not acknowledged a change of the config in time, and may have it.
            InvalidConfig, TransitionRefused, StateUnavailable: as in `preview`.
        """
        async with self._turn:
            if wish.what == "config":
                return await self._make_config_change(task, wish, author, seen)
            return await self._make_version_change(task, wish, author, seen)

    async def _make_config_change(
        self, task: str, wish: ChangeWish, author: ChangeAuthor, seen: str
    ) -> OperatorChange:
        if self._is_away():
            raise StateUnavailable("Kafka is away: nothing was changed, and nothing will be later on")
        decided, known = list[ConfigChange](), self._tasks.overrides.get(task, NOTHING)

        def decide(overrides: Mapping[str, Override]) -> Sequence[Outgoing]:
            change = self._config_change(task, wish, overrides)
            _check_seen(_preview(wish, change.diff, basis=change.basis), seen)
            decided.append(change)
            return config_outputs(change, author, self._topics)

        try:
            await self._write_config(decide)
        except ChangeOutdated as error:
            raise ChangeOutdated(f"{error}{await self._newest(task)}") from error
        except KafkaFailed as error:
            raise StateUnavailable(f"nothing was changed: {error}") from error
        change, made = decided[-1], made_change(decided[-1], author)
        await keep_change(self._kept, task, made)
        await self._wait_until_applied(change, known)
        return made

    async def _make_version_change(
        self, task: str, wish: ChangeWish, author: ChangeAuthor, seen: str
    ) -> OperatorChange:
        plan = await self._plan(task, wish, author)
        shown = await self._version_preview(task, wish, plan)
        _check_seen(shown, seen)
        change = await change_versions(self._registry, self._kept, task, wish, author, plan, shown.diff)
        try:
            await self._write(
                [Outgoing(self._topics.events, task.encode(), EVENT.encode(event)) for event in change.events]
            )
        except DeliveryFailed as error:
            log.error("a change is made, and its event is not on the topic: task=%s: %s", task, error)
        return change.made

    async def _newest(self, task: str) -> str:
        """Who has changed the task's config last, and when, as far as that is kept."""
        try:
            changes = await self._kept.all(task)
        except StateUnavailable:
            return ""
        last = next((change for change in changes if change.what == "config"), None)
        if last is None:
            return ""
        at = datetime.fromtimestamp(last.at / 1_000, UTC)
        return f" (the newest change that is kept: by {last.by}, {at:%Y-%m-%d at %H:%M} UTC: {last.reason})"

    def _config_change(self, task: str, wish: ChangeWish, overrides: Mapping[str, Override]) -> ConfigChange:
        others = sorted({*wish.fields, *wish.unset} - OPERATED)
        if others:
            problem = "it is changed by `understudy config set` alone"
            raise InvalidConfig([f"`{name}`: {problem}" for name in others])
        return config_change(task, wish.fields, overrides, self._key_names, wish.unset)

    def _config_effects(self, change: ConfigChange) -> tuple[str, ...]:
        policy = self._tasks.policy(change.task)
        manifests = {} if policy is None else {change.task: policy.manifest}
        before, after = (config_of(change.task, overrides) for overrides in (change.before, change.after))
        effects = answer_effects(manifests, change.before, change.after)
        return (*effects, *guarantee_warnings(before, after))

    async def _plan(self, task: str, wish: ChangeWish, author: ChangeAuthor) -> VersionPlan:
        return await version_plan(self._registry, task, wish, author, self._tasks.task(task).config)

    async def _version_preview(self, task: str, wish: ChangeWish, plan: VersionPlan) -> ChangePreview:
        before = await self._registry.serving_state(task)
        live = before.active.version if before.active else None
        if wish.live not in (None, live):
            raise ChangeOutdated(f"{live or 'no version'} is live by now, and not {wish.live}: look again")
        change = plan.decide(before)
        sentences = [f"{move.version} becomes {move.after.replace('_', ' ')}" for move in change.moves]
        effects = [plan.remark] if plan.remark else []
        return _preview(wish, serving_diff(before, change.serving_state), (*sentences, *effects))

    async def _wait_until_applied(self, change: ConfigChange, known: Override) -> None:
        """The next change is one of the config that this one has made.

        Args:
            known: what this process had read when the change was written.

        Raises:
            ChangeOutdated: somebody else has written the whole message at the same moment.
        """
        by_others, earlier = 0, (known, change.before.get(change.task, NOTHING))
        for _ in range(_LOOKS):
            now = self._tasks.overrides.get(change.task, NOTHING)
            if change.holds(now):
                return
            by_others += now not in earlier
            if by_others > _LOOKS_AT_OTHERS:
                raise ChangeOutdated(OVERWRITTEN)
            await asyncio.sleep(_LOOK)
        log.warning("a config change is written, and was not read back in time: task=%s", change.task)


def _preview(
    wish: ChangeWish, diff: tuple[ChangedValue, ...], effects: tuple[str, ...] = (), basis: bytes = b""
) -> ChangePreview:
    """Args:
    basis: what the change rests on besides, since a diff shows long values cut.
    """
    shown = msgspec.json.encode((wish.what, wish.version, diff, basis))
    return ChangePreview(diff, effects, hashlib.blake2b(shown, digest_size=16).hexdigest())


def _check_seen(shown: ChangePreview, seen: str) -> None:
    """Raises ChangeOutdated."""
    if shown.seen != seen:
        raise ChangeOutdated(OUTDATED)
    if not shown.diff:
        raise ChangeOutdated("nothing would change")
