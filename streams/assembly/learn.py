"""The learn role: turns replies into labels and traces."""

from streams.assembly.parts import WorkerParts
from streams.roles import learn
from streams.state.reply_dedup import ReplyDedup


def add(parts: WorkerParts) -> None:
    """Add the role's agent and services to the worker."""
    settings = parts.settings
    replies = ReplyDedup(parts.connection, settings.keys, settings.reply_memory)
    recorder = learn.ReplyRecorder(parts.tasks, settings.topics, parts.sampler, replies, parts.forgotten)
    learn.install(parts.app, parts.source(learn.STAGE, settings.topics.replies), recorder)
