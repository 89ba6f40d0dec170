"""Collects an audit pack of one version from Kafka and Redis."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from infra.audit_pack import contents
from infra.audit_pack.contents import AuditRow, CertificateClaim, ConfigRow, PackNote
from infra.serve.forgotten_requests import forgotten_requests
from infra.serve.servers import redis_connection
from models.artifact import Artifact
from models.manifest import Manifest
from schemas.codec import EVENT, TRACE
from schemas.config import EVERY_TASK, Config, config_of
from schemas.errors import InvalidConfig
from schemas.messages import Reason, Trace
from schemas.secrets import masked_values
from streams.certify.history import CertificatePoint
from streams.certify.observations import NOBODY
from streams.certify.status import CertificateStatus
from streams.certify.task_state import teacher_name
from streams.clock import unix_ms
from streams.errors import TransitionRefused
from streams.kafka.topic_client import Reader, read_records
from streams.label_set import LabelSet
from streams.privacy.forgotten import ForgottenRequests
from streams.roles.config import NewestConfig, read_config
from streams.settings import Settings
from streams.state.audits import AuditStore
from streams.state.registry import Registry
from streams.versions.lifecycle import Transition

_LOOKS = 5
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class CollectedVersion:
    """What Redis holds of the version; `points` is the history of its certificate."""

    version: str
    artifact: Artifact
    status: CertificateStatus
    teacher: str
    number: int
    points: tuple[CertificatePoint, ...]
    moves: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class CollectedPack:
    """The files of a pack, and whether its rows are all that the certificate counts."""

    note: PackNote
    files: dict[str, bytes]
    rows: int
    counted: int


async def collect_pack(
    settings: Settings, task: str, version: str | None, report: bytes | None, *, with_texts: bool
) -> CollectedPack:
    """The files of a pack; of the live version where none is named.

    Certify counts on while the topic is read, so it is read again until both say the same, a few times.

    Raises:
        TransitionRefused: there is no such version, or its files are gone.
        KafkaFailed, StateUnavailable: a server is away.
    """
    config_rows, config = _read_config(settings, task)
    labels = LabelSet.of(config.teacher)
    forgotten = forgotten_requests(settings) if with_texts else None
    for look in range(_LOOKS):
        found = await _read_version(settings, task, version)
        traces = _counted_traces(settings, task, found)
        rows = [audit_row(labels.current_trace(trace), forgotten) for trace in traces]
        if len(rows) == found.status.audits:
            break
        if look < _LOOKS - 1:
            time.sleep(_PAUSE)  # noqa: ASYNC251 - nothing else runs on this loop
    manifest = shown_manifest(found.artifact.manifest)
    shown = [masked_values(msgspec.to_builtins(row)) for row in config_rows]
    note = PackNote(
        contents.FORMAT,
        task,
        found.version,
        unix_ms(),
        Manifest.decode(found.artifact.manifest).sha256,
        found.teacher,
        found.number,
        config.delta,
        config.target_agreement,
        with_texts,
        manifest != found.artifact.manifest or shown != [msgspec.to_builtins(row) for row in config_rows],
    )
    files = {
        contents.PACK: msgspec.json.encode(note),
        contents.CERTIFICATE: msgspec.json.encode(_claim(found.status)),
        contents.AUDITS: _lines(rows),
        contents.HISTORY: _lines(_named_point(point) for point in found.points),
        contents.VERSIONS: _lines(found.moves),
        contents.EVENTS: _lines(_events(settings, task)),
        contents.CONFIG: _lines(shown),
        contents.MANIFEST: manifest,
        contents.GRAPH: found.artifact.graph,
    }
    if report is not None:
        files[contents.REPORT] = report
    return CollectedPack(note, files, len(rows), found.status.audits)


async def _read_version(settings: Settings, task: str, version: str | None) -> CollectedVersion:
    async with redis_connection(settings) as connection:
        registry = Registry(connection, settings.keys, settings.policies_kept)
        audits = AuditStore(connection, settings.keys)
        active = await registry.active(task)
        chosen = version or (active.version if active else None)
        if chosen is None:
            raise TransitionRefused(f"no version of {task} is live; name one with --version")
        artifact = await registry.fetch(task, chosen)
        if artifact is None:
            raise TransitionRefused(f"the files of {chosen} are not there, if there is such a version")
        snapshot = (await audits.read(task, {chosen: []}, 0)).snapshot
        state, teacher = snapshot.version_states.get(chosen), snapshot.task_state.teacher
        counts = None if state is None else state.certificates.get(teacher)
        points = (await audits.certificate_points(task, [chosen]))[chosen]
        moves = tuple(await registry.history(task))
        status = await audits.status(task, chosen)
    return CollectedVersion(
        chosen, artifact, status, teacher, 1 if counts is None else counts.number, points, moves
    )


def shown_manifest(raw: bytes) -> bytes:
    """The manifest without the secrets of its encoder's URL, sealed again; as it is where it holds none."""
    manifest = Manifest.decode(raw)
    embedder, encoder = masked_values([manifest.embedder, manifest.encoder])
    shown = replace(manifest, embedder=embedder, encoder=encoder)
    return raw if shown == manifest else shown.encode()


def _counted_traces(settings: Settings, task: str, found: CollectedVersion) -> Iterator[Trace]:
    """The audits that the version's certificate counts: of the teacher of now, each request once."""
    reader, seen = Reader(settings, settings.topics.traces, from_start=True), set[str]()
    for trace, _ in read_records(reader, TRACE):
        if trace.task == task and trace.id not in seen and _counts(trace, found):
            seen.add(trace.id)
            yield trace


def _counts(trace: Trace, found: CollectedVersion) -> bool:
    guess = trace.guess
    return (
        trace.checks_answer
        and trace.sampled
        and trace.first is None
        and trace.reason is not Reason.SEEDED
        and guess is not None
        and guess.policy == found.version
        and teacher_name(trace.teacher or NOBODY) == found.teacher
    )


def audit_row(trace: Trace, forgotten: ForgottenRequests | None) -> AuditRow:
    """The row of an audit; with its text where `forgotten` is given, and does not name its request."""
    guess, shows_text = trace.guess, forgotten is not None and not forgotten.covers_trace(trace)
    return AuditRow(
        trace.id,
        trace.requested_at,
        trace.replied_at,
        guess.label if guess else "",
        trace.label,
        guess.score if guess else 0.0,
        trace.threshold,
        trace.audit,
        trace.sampled,
        trace.inclusion,
        trace.text if shows_text else None,
    )


def _claim(status: CertificateStatus) -> CertificateClaim:
    return CertificateClaim(
        status.audits,
        status.agreements,
        status.without_label,
        status.bound,
        status.until,
        status.proven_audits,
        status.proven_agreements,
        status.unanswered,
        status.target,
        status.certified,
        status.suspended,
        status.complete,
        status.alarm,
        status.alarms,
    )


def _named_point(point: CertificatePoint) -> dict[str, Any]:
    """A point by the names of its fields: in Redis it is a list."""
    return {name: getattr(point, name) for name in point.__struct_fields__}


def _events(settings: Settings, task: str) -> Iterator[Any]:
    """The events of the task and of all tasks, as far as the topic goes back."""
    reader = Reader(settings, settings.topics.events, from_start=True)
    for event, _ in read_records(reader, EVENT):
        if event.task in (task, EVERY_TASK):
            yield masked_values(msgspec.to_builtins(event))


def _read_config(settings: Settings, task: str) -> tuple[list[ConfigRow], Config]:
    """The valid config messages that concern the task, oldest first, and what follows from them."""
    rows, overrides, newest = list[ConfigRow](), {}, NewestConfig()
    reader = Reader(settings, settings.topics.config, from_start=True)
    try:
        for message in reader.to_end():
            try:
                key, override = read_config(message)
                _, overrides[key] = newest.add(message)
            except InvalidConfig:
                continue  # it has changed nothing
            if key in (task, EVERY_TASK):
                value = None if message.value() is None else dict(override)
                rows.append(ConfigRow(key, max(0, message.timestamp()[1]), value))
    finally:
        reader.close()
    return sorted(rows, key=lambda row: row.at), config_of(task, overrides)


def _lines(records: Any) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)
