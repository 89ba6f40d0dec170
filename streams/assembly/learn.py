"""The learn role: turns replies into labels and traces."""

from functools import partial

from streams.assembly.parts import WorkerParts
from streams.metrics.label_latency import observe_labels
from streams.roles import learn
from streams.roles.label_cap import LabelCap
from streams.state.free_labels import FreeLabels
from streams.state.reply_dedup import ReplyDedup


def add(parts: WorkerParts) -> None:
    """Add the role's agent and services to the worker."""
    settings = parts.settings
    replies = ReplyDedup(parts.connection, settings.keys, settings.reply_memory)
    cap = LabelCap(
        parts.tasks,
        FreeLabels(parts.connection, settings.keys),
        parts.registry,
        parts.event_publisher.publish,
    )
    recorder = learn.ReplyRecorder(
        parts.tasks,
        settings.topics,
        parts.sampler,
        replies,
        parts.forgotten,
        cap,
        partial(observe_labels, parts.metrics),
        parts.tracing,
    )
    learn.install(parts.app, parts.source(learn.STAGE, settings.topics.replies), recorder)
