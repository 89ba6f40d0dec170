"""Writes planned traces to their topic, each only once, with the vectors that the task's encoder makes."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from models.embedders.loader import open_embedder
from schemas.codec import TRACE
from schemas.config import Config
from schemas.messages import Trace
from streams.encoder_spec import encoder_spec
from streams.kafka.batch import Outgoing
from streams.kafka.message import as_bytes
from streams.kafka.topic_client import Reader, write_messages
from streams.settings import Settings

Progress = Callable[[float, str], None]

_WRITE_AT_ONCE = 10_000
_EMBED_AT_ONCE = 1_000


class _TraceName(msgspec.Struct):
    """The part of a trace that names it."""

    id: str
    task: str


def without_known(settings: Settings, traces: Sequence[Trace], progress: Progress) -> list[Trace]:
    """The traces whose requests the topic does not hold yet. Raises KafkaFailed: it can't be read."""
    wanted = {(trace.task, trace.id) for trace in traces}
    known = set()
    reader = Reader(settings, settings.topics.traces, from_start=True)
    progress(0.0, "looking for known ids")
    try:
        for message in reader.to_end():
            if (name := _name_of(message.value())) in wanted:
                known.add(name)
    finally:
        reader.close()
    return [trace for trace in traces if (trace.task, trace.id) not in known]


def with_vectors(traces: Sequence[Trace], config: Config, progress: Progress) -> list[Trace]:
    """The traces with the vectors of the encoder that the task's config names, if it names one.

    Raises:
        EmbedderError: it can't be opened, or fails.
    """
    spec = encoder_spec(config)
    if spec is None or not traces:
        return list(traces)
    encoder = open_embedder(spec.vectors, spec.prompt)
    done: list[Trace] = []
    for begin in range(0, len(traces), _EMBED_AT_ONCE):
        progress(begin / len(traces), "embedding")
        some = traces[begin : begin + _EMBED_AT_ONCE]
        rows = encoder.embed([trace.text or "" for trace in some])
        done += [
            replace(trace, features=row.astype("<f4").tobytes(), encoder=encoder.id)
            for trace, row in zip(some, rows, strict=True)
        ]
    return done


def write_traces(settings: Settings, traces: Sequence[Trace], progress: Progress) -> None:
    """Write them, oldest first. Raises DeliveryFailed: the broker refuses; a second run writes the rest."""
    ordered = sorted(traces, key=lambda trace: trace.requested_at)
    for begin in range(0, len(ordered), _WRITE_AT_ONCE):
        progress(begin / len(ordered), "writing")
        some = ordered[begin : begin + _WRITE_AT_ONCE]
        topic = settings.topics.traces
        write_messages(settings, [Outgoing(topic, one.id.encode(), TRACE.encode(one)) for one in some])


def _name_of(value: str | bytes | None) -> tuple[str, str] | None:
    try:
        found = msgspec.json.decode(as_bytes(value) or b"", type=_TraceName)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found.task, found.id
