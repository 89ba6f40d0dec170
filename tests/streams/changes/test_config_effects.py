"""What a change of the config costs is said before it is made."""

from msgspec.structs import replace

from models.study import LabelStats
from schemas.config import Config, TeacherConfig
from streams.changes.config_effects import guarantee_warnings, switched_off_effects
from tests.streams.fakes import manifest

ACCOUNTS = (LabelStats("no", 300, 240, 239, 0.9, 1.0), LabelStats("yes", 100, 60, 60, 0.9, 1.0))
KNOWN = manifest(accounts=ACCOUNTS)


def test_labels_that_are_switched_off_cost_answers() -> None:
    off = Config(never_answer=("yes",))
    assert list(switched_off_effects(KNOWN, Config(), off)) == [
        "about 20.0% of what v1 answers goes to the teacher then",
        "audits of answers up to now still count: the certificate is about all that was answered",
    ]
    assert list(switched_off_effects(KNOWN, off, off)) == []
    assert list(switched_off_effects(KNOWN, off, Config())) == []
    assert list(switched_off_effects(KNOWN, Config(), Config(never_answer=("unknown",)))) == []
    renamed = replace(Config(never_answer=("ja",)), teacher=TeacherConfig(labels_renamed={"yes": "ja"}))
    assert list(switched_off_effects(KNOWN, Config(), renamed)), "under its old name too"


def test_a_target_that_the_rest_may_miss_is_warned_of() -> None:
    weak = (LabelStats("no", 300, 240, 240, 0.9, 1.0), LabelStats("yes", 100, 60, 54, 0.8, 1.0))
    lost, _, warning = switched_off_effects(manifest(accounts=weak), Config(), Config(never_answer=("no",)))
    assert lost.startswith("about 80.0%")
    assert "54 of 60 agreed" in warning
    assert "less than 95.0%" in warning
    (only, _) = switched_off_effects(manifest(accounts=weak), Config(), Config(never_answer=("no", "yes")))
    assert only.startswith("about 100.0%")


def test_a_guarantee_that_was_lost_before_is_said_otherwise() -> None:
    by_hand = Config(threshold=0.5)
    assert [warning[:8] for warning in guarantee_warnings(Config(), by_hand)] == ["warning:"]
    assert [warning[:6] for warning in guarantee_warnings(by_hand, by_hand)] == ["still:"]
    assert list(guarantee_warnings(by_hand, Config())) == []
