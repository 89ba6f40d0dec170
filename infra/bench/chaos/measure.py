"""`bench chaos`: draws the plan, carries it out, reports."""

from infra.bench.chaos.plan import draw_plan
from infra.bench.chaos.report import report_of
from infra.bench.chaos.run import run
from infra.bench.chaos.stage import ROLES
from infra.bench.report import Report
from infra.bench.request import BenchRequest


def measure(request: BenchRequest) -> Report:
    """Raises LocalServerError, StreamsError: a server or a worker does not start."""
    plan = draw_plan(request.seed, request.faults, ROLES, request.longest)
    return report_of(run(plan, request.minutes * 60.0), request.seed)
