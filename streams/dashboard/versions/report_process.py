"""Report process: reads an order from standard input, writes one report to standard output, and ends.

What a report is made with takes memory that a gateway needs for nothing else.
"""

import os
import sys

import numpy as np
from msgspec import structs

from models.embedders.kinds import reads_text
from models.features import Features
from models.policy import Policy
from models.report import Subject, render
from models.report.rescored import rescore, summary_of
from schemas.urls import masked_url
from streams.dashboard.versions.report_order import ReportOrder, decode_order

_POLITE = 10


def report(order: ReportOrder) -> str:
    """The page about the traces, decided by the version. Raises PolicyError: it can't be opened."""
    policy = Policy.open(order.manifest, order.graph)
    manifest = policy.manifest
    labels = tuple(order.renamed.get(label, label) for label in manifest.labels)
    policy.manifest = structs.replace(manifest, labels=labels, embedder=masked_url(manifest.embedder))
    vectors = None
    if order.vectors is not None:
        vectors = np.stack([np.frombuffer(vector, dtype="<f4") for vector in order.vectors])
    features = Features(order.texts if reads_text(manifest.embedder) else None, vectors)
    subject = Subject(
        summary=summary_of(policy.manifest),
        study=rescore(policy, features, order.labels, np.array(order.sampled, dtype=np.bool_)),
        texts=order.texts,
        targets=(order.target,),
        delta=manifest.delta,
        manifest=policy.manifest,
        parent=None,
        made_at=order.made_at,
        task=manifest.task,
        rescored=True,
    )
    return render(subject)


if __name__ == "__main__":
    os.nice(_POLITE)
    sys.stdout.buffer.write(report(decode_order(sys.stdin.buffer.read())).encode())
