"""A certificate that is shown must be proven by all that certify says it has counted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.bench.chaos.checker import Complaint
from infra.bench.chaos.observer import Record
from infra.bench.chaos.proof import RedisSample, proves, unproven
from models.certificate import Certificate
from tests.infra.bench.chaos.topics import AUDIT, GUESS, trace

AUDITS = 200
LEDGER = json.dumps({"tallies": {"gold": {"number": 1}}})
SHOWN = dict.fromkeys(("n", "k", "proven_n", "proven_k"), str(AUDITS)) | {
    "certified": "1",
    "complete": "1",
    "ledger": LEDGER,
    "unanswered": "0",
}


def complaints(disagreed: int = 0, until: float = 1000.0, **fields: Any) -> list[Complaint]:
    """Of one sample at 1,000 s, of audits that were seen from 0 to 199 s."""
    traces = []
    for number in range(AUDITS):
        guess = {**GUESS, "label": "refund"} if number < disagreed else GUESS
        found = trace(f"text-{number}", **{**AUDIT, "guess": guess})
        traces.append(Record("traces", 0, number, found, float(number)))
    rebuilding = bool(fields.pop("rebuilding", False))
    sample = RedisSample(1000.0, until, rebuilding, {("text", "v1"): {**SHOWN, **fields}})
    return unproven([sample], traces, 0.9, 0.05)


def test_a_proven_certificate_gives_no_complaint() -> None:
    assert complaints() == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"n": "150", "k": "150"}, "certify had counted all until 999.000, when 200 audits were answered"),
        ({"disagreed": 3}, "3 audits had disagreed by 999.000"),
        ({"n": "201", "k": "201"}, "only 200 audits were ever answered"),
        ({"proven_n": "10", "proven_k": "10"}, "10 of 10 do not prove 0.9"),
        ({"unanswered": "100"}, "200 of 300 do not prove 0.9"),
        ({"failed": "100"}, "200 of 300 do not prove 0.9"),
    ],
)
def test_an_unproven_certificate_is_complained_of(fields: dict[str, Any], what: str) -> None:
    assert any(what in one.what for one in complaints(**fields))


@pytest.mark.parametrize(
    "fields", [{"certified": "0"}, {"complete": "0"}, {"until": 900.0}, {"rebuilding": True}]
)
def test_what_is_not_shown_needs_no_proof(fields: dict[str, Any]) -> None:
    assert complaints(n="0", k="0", **fields) == []


@given(st.integers(0, 3000), st.floats(0.7, 1.0), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_evidence_is_that_of_the_certificate(audits: int, agreement: float, target: float) -> None:
    """Two computations that share no code."""
    agreements = round(audits * agreement)
    expected = Certificate(audits, agreements).certifies(target, 0.025)
    assert proves(audits, agreements, target, 0.025) == expected
