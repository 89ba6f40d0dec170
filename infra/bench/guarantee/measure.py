"""`bench guarantee`: the claims of the certificate and the alarm, tested on simulated audits.

Random numbers come from a fixed seed: the figures do not depend on the machine.
"""

import numpy as np

from infra.bench.guarantee import (
    alarm,
    audit_cost,
    audit_rates,
    certificate,
    lives,
    service,
    silence,
    slow_replies,
)
from infra.bench.guarantee.promise import Promise
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest

STREAMS_A_LIFE = 10
SEED = 20_260


def measure(request: BenchRequest) -> Report:
    """`request.streams` streams of each kind, and a tenth as many lives."""
    promise, generator = Promise(), np.random.default_rng(SEED)
    sections = [
        certificate.section(request.streams, promise, generator),
        alarm.section(request.streams, promise, generator),
        lives.section(max(1, request.streams // STREAMS_A_LIFE), promise, generator),
        audit_cost.section(request.streams, promise, generator),
        service.section(request.streams, promise, generator),
        audit_rates.section(request.streams, promise, generator),
        slow_replies.section(request.streams, promise, generator),
        silence.section(request.streams, promise, generator),
    ]
    figures = [figure for _, figures in sections for figure in figures]
    return report(figures, [table for table, _ in sections])
