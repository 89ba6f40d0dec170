"""Deferrals count a text once, say since when agreement has fallen, and ask for so many audits."""

import msgspec

from streams.certify.deferral_state import AUDITS, DeferralState
from streams.certify.observations import DeferredGuess


def guesses(count: int, *, agreed: bool, begin: int = 0) -> list[DeferredGuess]:
    places = range(begin, begin + count)
    return [DeferredGuess("yes", 0.6 + 1e-6 * place, 0.0, 0.7, agreed, 1_000 + place) for place in places]


def test_a_repeated_text_counts_once() -> None:
    once = DeferralState().after(guesses(1, agreed=False), 0)
    assert once.after(guesses(1, agreed=False) * 80, 0) == once
    assert not once.raised
    assert DeferralState().after(guesses(80, agreed=False), 0).raised


def test_a_raised_signal_says_since_when_and_stays() -> None:
    good = DeferralState().after(guesses(300, agreed=True), 0)
    fallen = good.after(guesses(80, agreed=False, begin=300), 5)
    assert fallen.raised
    assert fallen.is_unreported
    assert fallen.begun.since == 1_300
    assert fallen.begun.agreements == 0
    assert fallen.begun.requests < 40
    assert fallen.requests == 300 + fallen.begun.requests
    assert fallen.after(guesses(100, agreed=True, begin=400), 0) == fallen
    assert msgspec.json.decode(msgspec.json.encode(fallen), type=DeferralState) == fallen


def test_a_raised_signal_asks_for_so_many_audits() -> None:
    raised = DeferralState().after(guesses(80, agreed=False), 400)
    assert raised.asks_for_audits
    assert raised.after((), AUDITS - 1).asks_for_audits
    assert not raised.after((), AUDITS - 1).after((), 1).asks_for_audits
