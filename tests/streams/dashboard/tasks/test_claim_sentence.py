"""The claim as it is read out."""

from dataclasses import replace

from streams.dashboard.tasks.claim_sentence import claim_sentence
from tests.streams.dashboard.scripted import BEGAN, NEW, certified

GOOD = certified("t")


def test_only_a_claim_that_holds_reads_as_certified() -> None:
    assert claim_sentence(GOOD, BEGAN) == (
        "v2 is certified to agree with the teacher in at least 95.0% since {since}: 340 audits, 6 disagree.",
        BEGAN,
    )
    stopped, since = claim_sentence(replace(GOOD, breaker="agreement fell"), BEGAN)
    assert stopped == ("v2 is not certified: breaker open: the teacher answers. 340 audits, 6 disagree.")
    assert since is None
    assert claim_sentence(replace(NEW, audits=1, agreements=0), None)[0].endswith("1 audit, 1 disagrees.")


def test_no_number_says_more_than_is_proven() -> None:
    assert "at least 99.9% since" in claim_sentence(replace(GOOD, target=0.9996), BEGAN)[0]
    below = replace(GOOD, certified=False, bound=0.94996)
    assert "prove 94.9%; the target is 95.0%" in claim_sentence(below, None)[0]
