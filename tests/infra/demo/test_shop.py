"""The demo's shop: unchanged before drift; the teacher answers with the new meanings after it."""

from infra.demo.drift import NEW_INTENTS, NEW_MEANINGS, NEW_SHARE
from infra.demo.intents import INTENTS
from infra.demo.shop import Shop

DRAWN = 3_000


def test_drift_changes_what_customers_want() -> None:
    shop = Shop(drifts=True)
    before = [shop.draw().intent for _ in range(DRAWN)]
    shop.strike()
    after = [shop.draw().intent for _ in range(DRAWN)]
    assert set(before) == set(INTENTS)
    assert set(after) == (set(INTENTS) | set(NEW_INTENTS)) - set(NEW_MEANINGS)
    assert set(after) < set(shop.labels)
    share = sum(intent in NEW_INTENTS for intent in after) / DRAWN
    assert 0.8 * NEW_SHARE < share < 1.2 * NEW_SHARE


def test_the_teacher_answers_with_the_new_meaning() -> None:
    shop = Shop(drifts=True)
    drawn = [shop.draw() for _ in range(DRAWN)]
    before = {utterance.text: shop.label(utterance.text) for utterance in drawn}
    shop.strike()
    assert set(NEW_MEANINGS) <= set(before.values())
    assert {text: shop.label(text) for text in before} == {
        text: NEW_MEANINGS.get(intent, intent) for text, intent in before.items()
    }
    later = [shop.draw() for _ in range(300)]
    assert sum(shop.label(utterance.text) == utterance.intent for utterance in later) > 295


def test_without_drift_there_are_no_new_intents() -> None:
    assert Shop(drifts=False).labels == tuple(INTENTS)
