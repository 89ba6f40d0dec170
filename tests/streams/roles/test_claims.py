"""What messages claim of the teacher's window."""

import msgspec

from schemas.config import parse_override
from schemas.messages import Answer, Reason, Request
from streams.kafka.lane_window import WindowClaim
from streams.roles.claims import claim_of
from streams.tasks import Tasks
from tests.streams.fakes import deferral, message

NOW = 1_000_000


def test_a_request_claims_a_share_until_it_is_given_up() -> None:
    tasks = Tasks()
    tasks.configure("t", parse_override(msgspec.json.encode({"teacher": {"give_up_after": 60}})))
    asked = deferral(requested_at=NOW, request=Request("r1", "t", "x"))
    assert claim_of(tasks, message(asked)) == WindowClaim("t", NOW + 60_000, may_move=True)
    wishes = [("understudy-give-up-after", b"5")]
    assert claim_of(tasks, message(asked, headers=wishes)) == WindowClaim("t", NOW + 5_000, may_move=True)


def test_audits_and_second_questions_stay_on_their_topic() -> None:
    audit = deferral(audit=True, reason=Reason.AUDIT)
    repeat = deferral(first=Answer("no"), reason=Reason.REPEAT)
    claims = [claim_of(Tasks(), message(asked)) for asked in (audit, repeat)]
    assert [claim and claim.may_move for claim in claims] == [False, False]


def test_what_is_answered_at_once_claims_nothing() -> None:
    for value in (b"{", deferral(audit=True, asked_by="gateway")):
        assert claim_of(Tasks(), message(value)) is None
