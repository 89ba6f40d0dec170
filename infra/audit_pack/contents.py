"""Contents of an audit pack: its files, and the records in them. Times are Unix milliseconds."""

from typing import Any

from msgspec import Struct

from schemas.messages import RequestId

FORMAT = 1

PACK, CERTIFICATE, AUDITS = "pack.json", "certificate.json", "audits.jsonl"
HISTORY, VERSIONS, EVENTS, CONFIG = "history.jsonl", "versions.jsonl", "events.jsonl", "config.jsonl"
MANIFEST, GRAPH, REPORT, SUMS = "manifest.json", "policy.onnx", "report.html", "SHA256SUMS"

REQUIRED = (PACK, CERTIFICATE, AUDITS, HISTORY, VERSIONS, EVENTS, CONFIG, MANIFEST, GRAPH, SUMS)
ALLOWED = frozenset({*REQUIRED, REPORT})


class PackNote(Struct, frozen=True):
    """What the pack is about.

    Attributes:
        sha256: of the graph, as the version's manifest says.
        teacher: name of the teacher whose replies the certificate counts.
        number: of the certificate within its task, from 1: it spends `delta / (number (number + 1))`.
        masked: the manifest or the config held a secret in a URL, which is left out.
    """

    format: int
    task: str
    version: str
    at: int
    sha256: str
    teacher: str
    number: int
    delta: float
    target: float
    with_texts: bool
    masked: bool


class CertificateClaim(Struct, frozen=True):
    """What is claimed of the version, as certify has written it; see `streams.certify.status`.

    Attributes:
        audits, agreements: replies that count.
        without_label: audits that count as disagreements, since no label has come.
        proven_audits, proven_agreements, unanswered: what the bound rests on: the audits asked until `until`.
    """

    audits: int
    agreements: int
    without_label: int
    bound: float
    until: int
    proven_audits: int
    proven_agreements: int
    unanswered: int
    target: float
    certified: bool
    suspended: str
    complete: bool
    alarm: float
    alarms: int


class AuditRow(Struct, frozen=True):
    """An audit that the certificate counts.

    Attributes:
        guess: the version's answer; `label` is the teacher's.
        text: only in packs that were written with texts.
    """

    id: RequestId
    requested_at: int
    replied_at: int
    guess: str
    label: str
    score: float
    threshold: float | None
    audit: bool
    sampled: bool
    inclusion: float | None
    text: str | None = None


class ConfigRow(Struct, frozen=True):
    """A message of the config topic, as the topic keeps it. `key` is a task or `*`; null: a tombstone."""

    key: str
    at: int
    override: dict[str, Any] | None
