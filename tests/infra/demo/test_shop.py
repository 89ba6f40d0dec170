"""The demo's shop: the same as ever before drift; the teacher answers with the new meanings after it."""

from infra.demo.drift import APPEARS, MEANS, NEWCOMERS
from infra.demo.intents import INTENTS
from infra.demo.shop import Shop

DRAWN = 3_000


def test_customers_want_the_same_until_drift_strikes_and_other_things_from_then_on() -> None:
    shop = Shop(drifts=True)
    before = [shop.draw().intent for _ in range(DRAWN)]
    shop.strike()
    after = [shop.draw().intent for _ in range(DRAWN)]
    assert set(before) == set(INTENTS)
    assert set(after) == (set(INTENTS) | set(APPEARS)) - set(MEANS)
    assert set(after) < set(shop.labels)
    share = sum(intent in APPEARS for intent in after) / DRAWN
    assert 0.8 * NEWCOMERS < share < 1.2 * NEWCOMERS


def test_the_teacher_answers_with_the_meaning_of_now_also_what_it_has_answered_before() -> None:
    shop = Shop(drifts=True)
    drawn = [shop.draw() for _ in range(DRAWN)]
    before = {utterance.text: shop.label(utterance.text) for utterance in drawn}
    shop.strike()
    assert set(MEANS) <= set(before.values())
    assert {text: shop.label(text) for text in before} == {
        text: MEANS.get(intent, intent) for text, intent in before.items()
    }
    later = [shop.draw() for _ in range(300)]
    assert sum(shop.label(utterance.text) == utterance.intent for utterance in later) > 295


def test_where_no_drift_may_strike_the_teacher_knows_nothing_of_the_intents_that_it_brings() -> None:
    assert Shop(drifts=False).labels == tuple(INTENTS)
