"""`bench guarantee`: what the certificate and the alarm claim, put to simulated streams of audits.

Random numbers come from a fixed seed: the figures do not depend on the machine.
"""

import numpy as np

from infra.bench.guarantee import alarming, audit_cost, certifying, lives
from infra.bench.guarantee.promise import Promise
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest

STREAMS_A_LIFE = 10
SEED = 20_260


def measure(order: BenchRequest) -> Report:
    """`order.streams` streams of each kind, a tenth as many lives."""
    promise, generator = Promise(), np.random.default_rng(SEED)
    sections = [
        certifying.section(order.streams, promise, generator),
        alarming.section(order.streams, promise, generator),
        lives.section(max(1, order.streams // STREAMS_A_LIFE), promise, generator),
        audit_cost.section(order.streams, promise, generator),
    ]
    figures = [figure for _, figures in sections for figure in figures]
    return report(figures, [table for table, _ in sections])
