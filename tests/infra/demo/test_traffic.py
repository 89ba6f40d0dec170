"""The demo's traffic is repeatable, varied and skewed, and its teacher knows it."""

import random
from collections import Counter

from infra.demo.answers import Answers
from infra.demo.intents import INTENTS
from infra.demo.phrasing import TWO_IN_ONE, VAGUE
from infra.demo.traffic import LABELS, Traffic


def test_the_same_seed_gives_the_same_customers() -> None:
    first, second, other = Traffic(7), Traffic(7), Traffic(8)
    drawn = [first.draw() for _ in range(500)]
    assert drawn == [second.draw() for _ in range(500)]
    assert drawn != [other.draw() for _ in range(500)]


def test_traffic_is_varied_and_skewed() -> None:
    traffic = Traffic()
    drawn = [traffic.draw() for _ in range(10_000)]
    counts = Counter(utterance.intent for utterance in drawn)
    assert set(counts) == set(LABELS)
    assert len(LABELS) >= 20
    assert len({utterance.text for utterance in drawn}) > 5_000
    assert counts.most_common(1)[0][1] > 5 * min(counts.values())


def test_every_message_is_clean_text() -> None:
    traffic = Traffic(1)
    for _ in range(5_000):
        text = traffic.draw().text
        assert text == " ".join(text.split())
        assert 0 < len(text) < 300
        assert not set(text) & set("{}[]|")


def test_hard_messages_name_intents_that_exist() -> None:
    assert {intent for _, intent in VAGUE} <= set(INTENTS)
    assert {meant for _, meant in TWO_IN_ONE} == {"first", "second"}


def test_the_teacher_remembers_and_guesses() -> None:
    traffic, answers = Traffic(2), Answers()
    drawn = [traffic.draw() for _ in range(300)]
    guessed = sum(answers.label(utterance.text) == utterance.intent for utterance in drawn)
    assert guessed > 0.85 * len(drawn)
    for utterance in drawn:
        answers.remember(utterance)
    assert all(answers.label(utterance.text) == utterance.intent for utterance in drawn)


def test_a_text_that_comes_again_keeps_its_intent() -> None:
    answers, traffic = Answers(), Traffic(3)
    utterance = traffic.draw()
    answers.remember(utterance)
    answers.remember(type(utterance)(utterance.text, random.Random(0).choice(LABELS)))
    assert answers.label(utterance.text) == utterance.intent


def test_other_texts_get_a_sensible_intent() -> None:
    label = Answers().label
    assert label("where is my parcel?") == "order_status"
    assert label("I want my money back") == "refund_status"
    assert label("my shoes are broken") == "damaged_item"
    assert label("can I talk to someone") == "human_agent"
    assert label("") in LABELS
