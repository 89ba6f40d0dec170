"""Audits that refute a version count against its successors, until answers are good again."""

from itertools import count

import numpy as np

from schemas.config import Config
from schemas.messages import Guess, Reason, Trace
from streams.trainer.audit_evidence import refuted_promise
from tests.streams.fakes import trace

CONFIG = Config(target_agreement=0.95)


def stream(*lives: tuple[str, int, float]) -> list[Trace]:
    """Audits of versions, one after the other: a name, a number of audits, and the share that agrees."""
    second, found = count(), []
    for version, audits, agreement in lives:
        for number in range(audits):
            agrees = int((number + 1) * agreement) > int(number * agreement)
            given = {"guess": Guess("yes", 0.9, 0.1, version), "audit": True, "reason": Reason.AUDIT}
            at = next(second)
            found.append(trace(f"r{at}", "yes" if agrees else "no", replied_at=at, **given))
    return found


def test_short_lives_do_not_wipe_out_the_evidence() -> None:
    """Each of three versions alone has too few audits to be refuted; together they are."""
    lives = [("v1", 12, 0.67), ("v2", 8, 0.75), ("v3", 8, 0.75)]
    assert all(refuted_promise(stream(life), CONFIG, 0) is None for life in lives)
    refuted = refuted_promise(stream(*lives), CONFIG, 0)
    assert refuted is not None
    assert (refuted.counts.audits, refuted.version, refuted.since) == (28, "v1", 0)


def test_the_newest_bad_version_sets_the_time() -> None:
    refuted = refuted_promise(stream(("v1", 800, 0.97), ("v2", 80, 0.75)), CONFIG, 0)
    assert refuted is not None
    assert (refuted.version, refuted.since) == ("v2", 800)


def test_better_successors_end_it() -> None:
    bad = ("v1", 40, 0.75)
    assert refuted_promise(stream(bad), CONFIG, 0) is not None
    assert refuted_promise(stream(bad, ("v2", 400, 0.99)), CONFIG, 0) is None


def test_what_an_alarm_has_answered_counts_no_more() -> None:
    audits = stream(("v1", 60, 0.75))
    assert refuted_promise(audits, CONFIG, 60) is None


def test_deferrals_are_no_evidence() -> None:
    guess = Guess("yes", 0.5, 0.1, "v1")
    deferred = [trace(f"r{at}", "no", replied_at=at, guess=guess) for at in range(500)]
    assert refuted_promise(deferred, CONFIG, 0) is None


def test_good_versions_are_seldom_refuted() -> None:
    """On the target, looked at after every version of ten: at most 5 % of the streams."""
    generator, refuted = np.random.default_rng(3), 0
    for _ in range(300):
        audits, wrong = [], False
        for serial in range(1, 11):
            agreed = generator.random(60) < CONFIG.target_agreement
            guess = Guess("yes", 0.9, 0.1, f"v{serial}")
            for number, agrees in enumerate(agreed.tolist()):
                at = serial * 100 + number
                given = {"guess": guess, "audit": True, "replied_at": at}
                audits.append(trace(f"r{at}", "yes" if agrees else "no", **given))
            wrong = wrong or refuted_promise(audits, CONFIG, 0) is not None
        refuted += wrong
    assert refuted <= 0.05 * 300
