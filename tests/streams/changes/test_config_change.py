"""A config change leaves other fields as they were, is told by its diff, and is taken back to the byte."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import EVENT
from schemas.config import config_of
from schemas.errors import InvalidConfig
from schemas.events import ConfigChangedDetails
from schemas.topics import Topics
from streams.changes.author import ChangeAuthor, is_reason
from streams.changes.config_change import ConfigChange, config_change, config_outputs, made_change
from streams.changes.operated_fields import OPERATED, field_views

ANN = ChangeAuthor("ann", "month's end", 7)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "target_agreement": st.sampled_from([0.9, 0.95, 0.97]) | st.none(),
    "threshold": st.sampled_from([0.5, 0.9]) | st.none(),
    "paused": st.booleans(),
    "audit_rate": st.sampled_from(["auto", 0.1]),
    "never_answer": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
OVERRIDES = st.fixed_dictionaries({}, optional=VALUES)


def change(fields: dict[str, Any], overrides: dict[str, Any], unset: tuple[str, ...] = ()) -> ConfigChange:
    return config_change("shop", fields, overrides, (), unset)


@given(OVERRIDES, OVERRIDES, OVERRIDES)
def test_an_undo_sets_the_message_back(
    all_tasks: dict[str, Any], own: dict[str, Any], fields: dict[str, Any]
) -> None:
    overrides = {"*": all_tasks, "shop": own}
    made = change(fields, overrides)
    assert made.undo is not None
    back = change(dict(made.undo.fields), {**overrides, "shop": made.override}, made.undo.unset)
    assert back.override == own
    assert [(one.name, one.after, one.before) for one in made.diff] == [
        (one.name, one.before, one.after) for one in back.diff
    ]
    assert config_of("shop", back.after) == config_of("shop", overrides)


def test_what_is_unset_is_as_for_all_tasks_and_null_is_the_default() -> None:
    overrides = {"*": {"target_agreement": 0.9}, "shop": {"target_agreement": 0.97, "paused": True}}
    [unset] = change({}, overrides, ("target_agreement",)).diff
    assert (unset.name, unset.before, unset.after) == ("target_agreement", "0.97", "0.9")
    [reset] = change({"target_agreement": None}, overrides).diff
    assert reset.after == "0.95"


def test_the_event_says_who_has_changed_what_and_why() -> None:
    made = change({"target_agreement": 0.97}, {"shop": {"target_agreement": 0.9, "paused": True}})
    config, event = config_outputs(made, ANN, Topics("x"))
    assert (config.topic, config.key) == ("x.config", b"shop")
    assert msgspec.json.decode(config.value or b"") == {"target_agreement": 0.97, "paused": True}
    told = EVENT.decode(event.value or b"")
    assert told.message == "shop: ann has changed the config (target_agreement: 0.9 -> 0.97): month's end"
    details = ConfigChangedDetails.of(told)
    assert (details.before, details.after) == ({"target_agreement": 0.9}, {"target_agreement": 0.97})
    assert (details.by, details.reason, told.at) == ("ann", "month's end", 7)


def test_the_events_sentence_tells_no_text_of_the_teacher_and_a_long_config_still_fits() -> None:
    labels = [f"label number {number} of many" for number in range(9_000)]
    teacher = {"labels": labels, "prompt": "the secret of our house"}
    made = change({"teacher": teacher}, {"shop": {"teacher": {"labels": labels[:-1]}}})
    told = made.event(ANN)
    assert told.message == "shop: ann has changed the config (teacher.prompt, teacher.labels): month's end"
    assert len(EVENT.encode(told)) < len(made.raw) + 10_000
    assert told.details["after"] == {"teacher": f"({len(msgspec.json.encode(teacher)):,} characters)"}
    assert len(msgspec.json.encode(made_change(made, ANN))) < 10_000


def test_nothing_secret_is_kept_of_a_teacher() -> None:
    url = "http://me:hidden77@h/v1"
    made = change({"teacher": {"url": url}}, {"shop": {"teacher": {"url": "http://old:hidden88@h/v1"}}})
    kept = msgspec.json.encode((made_change(made, ANN), made.event(ANN))).decode()
    assert "hidden" not in kept
    assert made.undo is None
    assert b"hidden77" in made.raw


@pytest.mark.parametrize(
    "fields", [{"target_agreement": 2}, {"speed": 1}, {"teacher": {"key_env": "PATH"}}, {"never_answer": "a"}]
)
def test_what_no_config_can_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig):
        change(fields, {})


@given(st.dictionaries(st.sampled_from(sorted(OPERATED)), JSON), OVERRIDES)
def test_any_json_is_a_config_or_is_refused(fields: dict[str, Any], own: dict[str, Any]) -> None:
    try:
        made = change(fields, {"shop": own})
    except InvalidConfig:
        return
    assert config_of("shop", made.after) == config_of("shop", {"shop": msgspec.json.decode(made.raw)})


def test_each_operated_field_is_one_of_the_config_with_its_meaning() -> None:
    views = field_views(config_of("shop", {}), {"paused": True})
    assert {view.name for view in views} <= OPERATED
    assert all(view.meaning for view in views)
    assert [view.name for view in views if view.own] == ["paused"]
    for outside in ("teacher", "embedder", "chat", "refit"):
        assert outside not in OPERATED


@given(st.text(max_size=3))
def test_a_reason_is_a_line_that_can_be_printed(text: str) -> None:
    assert is_reason(text) is (text.isprintable() and not text.isspace() and text != "")
    assert not is_reason("x" * 501)
