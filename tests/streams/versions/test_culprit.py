"""A label is blocked in place of the version only where it alone explains the alarm, and surely."""

import pytest

from models.certificate import Certificate
from streams.certify.evidence import AlarmEvidence
from streams.versions.culprit import label_to_blame

SOUND = Certificate(100, 97)


@pytest.mark.parametrize(
    ("labels", "floor", "expected"),
    [
        ({"bad": Certificate(30, 5), "good": SOUND}, 0.8, "bad"),
        ({"bad": Certificate(30, 5), "good": SOUND}, 0.0, None),
        ({"bad": Certificate(30, 5), "good": SOUND}, 0.1, None),
        ({"bad": Certificate(3, 2), "good": SOUND}, 0.8, None),
        ({"bad": Certificate(30, 5), "worse": Certificate(30, 2), "good": SOUND}, 0.8, None),
        ({"bad": Certificate(30, 5), "good": Certificate(100, 90)}, 0.8, None),
        ({"bad": Certificate(30, 5), "good": Certificate(20, 20)}, 0.8, None),
        ({"bad": Certificate(30, 5)}, 0.8, None),
        ({}, 0.8, None),
    ],
)
def test_one_label_explains_an_alarm_or_none_does(
    labels: dict[str, Certificate], floor: float, expected: str | None
) -> None:
    evidence = AlarmEvidence(0.95, Certificate(200, 150), labels=labels)
    assert label_to_blame(evidence, floor, 0.05) == expected
