"""config: apply the operators' config messages in every process; in one, answer each with an event.

Two agents. `config` reads the whole config topic, in every process, and changes what the process does.
`config-events` is a member of a group, beside `certify`: it checks each message once and writes an event that
says what was applied, or names every problem of a message that changes nothing.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from models.embedders.kinds import tiers
from models.errors import InvalidSpec
from schemas.codec import EVENT
from schemas.config import EVERY_TASK, KEY_VARIABLES, Override, parse_override, task_of
from schemas.errors import InvalidConfig
from schemas.events import ConfigRejectedDetails, Event, config_applied_event
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.errors import InvalidPattern
from streams.json_paths import compile_path
from streams.kafka.batch import Batch, MessageOutputs, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.message import as_bytes, key_of, time_of
from streams.roles.config_copy import ConfigCopy
from streams.tasks import Tasks
from streams.teacher.key_variables import key_problem
from streams.text_patterns import compile_pattern

log = logging.getLogger(__name__)

READER = "config"
STAGE = "config-events"


def parse_message(raw: bytes | None, key: str = EVERY_TASK) -> Override:
    """What a config message sets.

    Args:
        key: the task that it is for, or `*`.

    Raises:
        InvalidConfig: naming every problem, those of the embedder and of patterns among them.
    """
    return parse_override(raw, _further_problems, key)


def _further_problems(fields: Mapping[str, Any]) -> list[str]:
    return [*_embedder_problems(fields), *_pattern_problems(fields.get("chat"))]


def _embedder_problems(fields: Mapping[str, Any]) -> list[str]:
    spec = fields.get("embedder")
    if not isinstance(spec, str) or not spec:
        return []
    try:
        tiers(spec)
    except InvalidSpec as error:
        return [f"`embedder`: {problem}" for problem in error.problems]
    return []


def _pattern_problems(chat: Any) -> list[str]:
    """A sentence for each regular expression or path that can't be used."""
    fields = chat if isinstance(chat, Mapping) else {}
    ignored = fields.get("ignored_paths")
    checked: list[tuple[str, Any, Callable[[str], object]]] = [
        *((name, fields.get(name), compile_pattern) for name in ("text", "label")),
        ("text_path", fields.get("text_path"), compile_path),
        *(("ignored_paths", path, compile_path) for path in (ignored if isinstance(ignored, list) else ())),
    ]
    problems = []
    for name, value, compile_it in checked:
        if isinstance(value, str):
            try:
                compile_it(value)
            except InvalidPattern as error:
                problems.append(f"`chat.{name}`: {error}")
    if fields.get("text_in") == "body" and not fields.get("text_path"):
        problems.append("`chat.text_in`: `body` needs `chat.text_path`, which says where the text stands")
    return problems


def read_config(message: Message) -> tuple[str, Override]:
    """The task (or `*`) that a config message is for, and what it sets.

    Raises:
        InvalidConfig: naming every problem.
    """
    task = task_of(message.key())
    return task, parse_message(as_bytes(message.value()), task)


class NewestConfig:
    """What each key sets, by its newest message.

    Clients that partition otherwise write a key to another partition of the topic, and a reader may see
    these in any order. Within a partition the later message is the newer one; of several partitions the one
    with the newest time of its message holds. A time that is ahead counts as now, so that what is said
    later by a right clock holds.
    """

    def __init__(self) -> None:
        self._last: dict[str, dict[int, tuple[int, Override]]] = {}

    def add(self, message: Message) -> tuple[str, Override]:
        """The task (or `*`) that a config message is for, and what is set for it now.

        Raises:
            InvalidConfig: naming every problem; the message changes nothing.
        """
        task, override = read_config(message)
        by_partition = self._last.setdefault(task, {})
        partition, at = message.partition() or 0, min(time_of(message), unix_ms())
        by_partition.pop(partition, None)  # of equal times the one that was read last holds
        by_partition[partition] = at, override
        _, newest = max(reversed(by_partition.values()), key=lambda last: last[0])
        return task, newest


def apply_config(messages: Iterable[Message], tasks: Tasks, newest: NewestConfig) -> list[str]:
    """Lay each valid message over the defaults; an invalid one changes nothing.

    Returns:
        The keys of the valid ones.
    """
    applied = []
    for message in messages:
        try:
            key, override = newest.add(message)
        except InvalidConfig as error:
            log.warning("config message ignored: %s", error)
        else:
            tasks.configure(key, override)
            applied.append(key)
    return applied


def answer_event(message: Message, now: int, key_names: Collection[str] = KEY_VARIABLES) -> Event:
    """The event that says what a config message has changed, or why it was rejected.

    Args:
        key_names: environment variables that may hold a teacher's key. A message that names another applies
            all the same, since a target in it must not be lost; but nothing is asked with that key.
    """
    try:
        task, override = read_config(message)
    except InvalidConfig as error:
        key = (key_of(message) or b"").decode(errors="replace")
        sentence = f"config for {key or 'no task'} was rejected and changes nothing: {error}"
        return ConfigRejectedDetails(error.problems).event(key, now, sentence)
    whom = "all tasks" if task == EVERY_TASK else f"task {task}"
    what = f"sets {', '.join(sorted(override))}" if override else "puts the defaults back"
    problem = key_problem(override, key_names)
    but = f"; but the teacher is not asked: {problem}" if problem else ""
    return config_applied_event(task, now, f"config for {whom} {what}{but}", override)


def install_reader(app: App, channel: BatchChannel, tasks: Tasks, copy: ConfigCopy | None = None) -> None:
    """Register the agent that applies config in this process, and keeps a copy of it where there is one."""

    newest = NewestConfig()

    @app.agent(channel, name=READER)
    async def config(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle():
                applied = apply_config(batch.messages, tasks, newest)
                if copy is not None:
                    copy.note_applied(applied)


def install_events(app: App, channel: BatchChannel, topics: Topics, key_names: Collection[str]) -> None:
    """Register the agent that answers config; `key_names` as in `answer_event`."""

    @app.agent(channel, name=STAGE)
    async def config_events(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outgoing:
                at = unix_ms()
                for message in batch.messages:
                    event = EVENT.encode(answer_event(message, at, key_names))
                    outgoing.append(
                        MessageOutputs(message, [Outgoing(topics.events, key_of(message), event)])
                    )
