"""A short run of `bench chaos`: one fault of each kind, and nothing is lost, doubled or shown without proof.

A worker that ends by itself fails the test too, unless a server was away when it started.
"""

import os

import pytest

from infra.bench.chaos.plan import Kind, draw_plan
from infra.bench.chaos.report import report_of
from infra.bench.chaos.run import run
from infra.bench.chaos.stage import ROLES
from infra.local.errors import LocalServerError

pytestmark = pytest.mark.alone

SEED = 7
LONGEST_S, SECONDS = 5.0, 120.0


def test_each_fault_once_loses_nothing() -> None:
    plan = draw_plan(SEED, len(Kind), ROLES, LONGEST_S)
    try:
        outcome = run(plan, SECONDS)
    except LocalServerError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(problem))
    report = report_of(outcome, SEED)
    assert not report.failed, report.notes
    assert [one for one in outcome.ended if one.was_ready] == [], report.notes
    assert outcome.happened
