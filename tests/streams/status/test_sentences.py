"""Sentences about a status name the state, what audits prove, and one thing to do next."""

from dataclasses import replace

import pytest

from streams.status.sentences import certificate_sentence, next_step
from tests.streams.status.statuses import STATUS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"certified": False, "audits": 0, "agreements": 0, "bound": 0.0}, "not certified: no audits yet"),
        ({"certified": False, "bound": 0.8}, "not certified yet: 390 of 400 audits agree"),
        ({"certified": False}, "but a lost certificate must clear it by a margin"),
        ({"certified": False, "complete": False}, "not certified while lost audit counts are read again"),
        ({"certified": False, "unseen": True}, "no `certify` role has said yet that it counts audits"),
        ({"certified": False, "uncounted": 90.0}, "has not counted the audits of the last 90 s"),
    ],
)
def test_the_certificate_is_one_sentence(change: dict[str, object], says: str) -> None:
    sentence = certificate_sentence(replace(STATUS, **change))  # type: ignore[arg-type]
    assert says in sentence
    assert sentence.startswith("not certified")


@pytest.mark.parametrize(
    ("change", "last_error", "says"),
    [
        ({"paused": True}, None, "understudy config set shop paused=false"),
        ({"breaker": "alarm"}, None, "understudy policies close-breaker shop"),
        ({"unsuitable": "policy v7 reads `text`"}, None, "policy v7 reads `text`: wait for a refit"),
        ({}, "401", "see why the teacher failed (the last error above)"),
        ({"threshold": None}, None, "no threshold passes the gate"),
        ({"new_labels": ("added",)}, None, "nothing: wait until traces hold the new labels"),
        ({"unseen": True}, None, "routers defer everything once they have waited"),
        ({"audit_rate": 0.0}, None, "understudy config set shop audit_rate=0.02"),
        ({"certified": False, "suspended": "41 audits failed"}, None, "see why the teacher leaves audits"),
        ({"certified": False, "audits": 20, "agreements": 20}, None, "wait; about 34 audits (34 to "),
        ({"certified": False, "audits": 90, "agreements": 45}, None, "only 0% of such versions get to 90.0%"),
        ({"certified": False, "level": 1e-9}, None, "nothing: wait; about "),
        ({"certified": False, "level": 0.02}, None, "the replies so far prove 90.0%, once audits"),
        ({}, None, "nothing"),
    ],
)
def test_one_next_step(change: dict[str, object], last_error: str | None, says: str) -> None:
    assert says in next_step(replace(STATUS, **change), last_error, 0.05)  # type: ignore[arg-type]


def test_a_known_rate_of_audits_says_how_long_it_takes() -> None:
    status = replace(STATUS, certified=False, audits=20, agreements=20)
    assert ", 5 min 40 s at this rate, until 90.0%" in next_step(status, None, 0.05, 0.1)


def test_no_refit_is_promised_while_the_encoder_of_the_config_cannot_be_used() -> None:
    status = replace(STATUS, unsuitable="policy v7 reads `text`")
    says = next_step(status, None, 0.05, lacks_encoder=True)
    assert says.endswith(": make the encoder usable (above) and wait for a refit, or put the config back")


def test_a_reply_that_is_late_sends_to_the_doctor_and_one_that_is_not_does_not() -> None:
    young = replace(STATUS, certified=False)
    late, soon = (next_step(young, None, 0.05, waits=waits) for waits in (43.0, 9.0))
    assert late.endswith("(`understudy doctor` asks it): it has owed a reply for 43 s")
    assert "doctor" not in soon
