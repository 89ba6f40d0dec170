"""Sentences about a certificate's history claim what holds now."""

from infra.console.certificate_lines import history_sentences
from infra.serve.certificate_history import TaskHistory, version_history
from streams.certify.history import CertificatePoint

POINT = CertificatePoint(1_700_000_000_000, "v1", 400, 5, 0.96, 0.95, "certified", None)


def test_nothing_reads_as_certified_while_nobody_counts_audits() -> None:
    history = version_history("v1", (POINT,))
    (holds,) = history_sentences(TaskHistory("shop", (history,), counted=True))
    assert holds.startswith("v1 certified at least 95.0% since ")
    stale, reason = history_sentences(TaskHistory("shop", (history,), counted=False))
    assert stale.startswith("v1 not certified now; ")
    assert "counts no audits now" in reason
