"""A config message is refused with all its problems, and overrides are merged field by field."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import NOTHING, Config, Refit, config_of, merge_overrides, parse_override, task_of
from schemas.errors import InvalidConfig


def parsed(**fields: Any) -> Any:
    return parse_override(json.dumps(fields).encode())


def test_every_problem_is_named_by_its_field() -> None:
    fields = {
        "target_agreement": 1.0,
        "audit_rate": "often",
        "paused": 1,
        "colour": "red",
        "refit": {"growth": -1, "at_least": 0, "speed": 3, "quiet": 2.0},
        "teacher": ["gpt"],
        "dimension": 0,
        "delta": 0.1,
    }
    with pytest.raises(InvalidConfig) as caught:
        parsed(**fields)
    named = [problem.split("`")[1] for problem in caught.value.problems]
    top_level = {"target_agreement", "audit_rate", "paused", "colour", "teacher", "dimension"}
    assert set(named) == top_level | {"refit.growth", "refit.at_least", "refit.speed"}
    assert len(named) == len(set(named))
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    assert "delta, dimension, embedder" in str(caught.value), "says which settings there are"


@pytest.mark.parametrize("share", [-0.01, 1.01, "few", [0.1], True])
def test_the_share_of_silence_is_a_share(share: object) -> None:
    with pytest.raises(InvalidConfig, match="`alarm_silence`"):
        parsed(alarm_silence=share)
    assert parsed(alarm_silence=0)
    assert parsed(alarm_silence=1.0)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("api", ["", "responses", 1]),
        ("label_descriptions", ["x", {"": "x"}, {"refund": ""}, {"refund": "x" * 2_001}, {"refund": 1}]),
        (
            "examples",
            [
                "x",
                [{"text": "hi"}],
                [{"text": "", "label": "a"}],
                [{"text": "hi", "label": ""}],
                [{"text": "hi", "label": "a", "weight": 1}],
                [{"text": "hi", "label": "a"}] * 201,
            ],
        ),
        ("give_up_after", [0, 0.5, 604_801, "1h"]),
        ("audit_give_up_after", [0, 0.5, 604_801, "1h"]),
        ("group", ["", "g" * 250, 7]),
        ("reasoning_effort", ["", "least", 0]),
        ("max_output_tokens", [0, -1, 1.5, "many"]),
        ("confidence", ["yes", 1]),
        ("audit_tier", ["", "slow", True]),
        ("audit_timeout", [0, 901, "1h"]),
        ("most_labels", [1, 20_001, "many"]),
        ("max_text", [0, 1.5, "long"]),
    ],
)
def test_a_bad_teacher_setting_is_named(field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidConfig) as caught:
            parsed(teacher={field: value, "model": "m"})
        assert [problem.split("`")[1] for problem in caught.value.problems] == [f"teacher.{field}"], value


@pytest.mark.parametrize("raw", [b"", b"yes", b"[]", b"null", b"\xff", b'{"x":' + b"[" * 100_000])
def test_what_is_no_json_object_is_one_problem(raw: bytes) -> None:
    with pytest.raises(InvalidConfig, match="not a JSON object"):
        parse_override(raw)


def test_a_tombstone_sets_nothing() -> None:
    assert parse_override(None) == NOTHING
    assert merge_overrides(NOTHING) == Config()


def test_a_task_s_fields_override_those_for_all() -> None:
    overrides = {
        "*": parsed(audit_rate=0.5, paused=True, refit={"growth": 0.5, "at_least": 7}),
        "parcels": parsed(paused=False, refit={"at_least": 9}),
    }
    assert config_of("parcels", overrides) == Config(audit_rate=0.5, refit=Refit(growth=0.5, at_least=9))
    assert config_of("other", overrides) == Config(
        audit_rate=0.5, paused=True, refit=Refit(growth=0.5, at_least=7)
    )


@pytest.mark.parametrize("limits", [b'{"calls_per_day":9}', b"null"])
def test_no_task_sets_the_limits_of_all(limits: bytes) -> None:
    raw = b'{"teacher":{"total_limits":' + limits + b"}}"
    assert "teacher" in parse_override(raw)
    with pytest.raises(InvalidConfig, match=r"only the message for `\*` can set it"):
        parse_override(raw, key="t")


def test_a_null_restores_the_default() -> None:
    below = parsed(audit_rate=0.5, threshold=0.3, refit={"growth": 0.5, "at_least": 7}, teacher={"url": "u"})
    above = parsed(audit_rate=None, threshold=None, refit={"growth": None}, teacher=None)
    assert merge_overrides(below, above) == Config(refit=Refit(at_least=7))
    assert merge_overrides(above) == Config()


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "target_agreement": st.floats(0.01, 0.99),
    "audit_rate": st.floats(0, 1),
    "threshold": st.floats(0, 1),
    "paused": st.booleans(),
    "refit": st.fixed_dictionaries(
        {}, optional={"growth": st.none() | st.floats(0, 9), "at_least": st.none() | st.integers(1, 9)}
    ),
}
_overrides = st.fixed_dictionaries(
    {}, optional={name: st.none() | value for name, value in _VALUES.items()}
).map(lambda fields: parsed(**fields))


@given(st.lists(_overrides, max_size=4))
def test_valid_overrides_make_a_valid_config(
    overrides: list[Any],
) -> None:
    config = merge_overrides(*overrides)
    assert msgspec.convert(msgspec.to_builtins(config), Config) == config
    for name in ("target_agreement", "audit_rate", "threshold", "paused"):
        said = [override[name] for override in overrides if name in override]
        default = getattr(Config(), name)
        assert getattr(config, name) == (said[-1] if said and said[-1] is not None else default)
    for name in ("growth", "at_least"):
        value: Any = getattr(Refit(), name)
        for override in overrides:
            layer = override.get("refit", {})
            if layer is None or layer.get(name, value) is None:
                value = getattr(Refit(), name)
            else:
                value = layer.get(name, value)
        assert getattr(config.refit, name) == value


@pytest.mark.parametrize(("key", "task"), [(b"parcels", "parcels"), ("parcels", "parcels"), (b"*", "*")])
def test_the_key_says_which_task(key: bytes | str, task: str) -> None:
    assert task_of(key) == task


@pytest.mark.parametrize("count", [0, 2])
def test_a_probes_prompt_has_one_place_for_the_text(count: int) -> None:
    raw = msgspec.json.encode({"probe_prompt": f"Label:{count * '{text}'}"})
    with pytest.raises(
        InvalidConfig, match=rf"`probe_prompt`: expected \{{text\}} once, found it {count} times"
    ):
        parse_override(raw)
    assert parse_override(b'{"probe_prompt": "{text} {labels}"}')


@pytest.mark.parametrize("key", [None, b"", b"**", b"two words", b"\xff", b"line\n"])
def test_a_key_that_is_no_task_is_a_problem(key: bytes | None) -> None:
    with pytest.raises(InvalidConfig, match="expected a task's name or"):
        task_of(key)


@pytest.mark.parametrize(
    "promotion",
    [
        "gate",
        "approve",
        "shadow:1",
        "shadow:500",
        "canary:0.1",
        "canary:.05",
        "canary:0.10",
        "canary:1",
        "canary:1.0",
    ],
)
def test_valid_promotions_are_accepted(promotion: str) -> None:
    assert merge_overrides(parsed(promotion=promotion)).promotion == promotion


@pytest.mark.parametrize(
    "promotion",
    [
        "",
        "live",
        "gate:1",
        "approve:1",
        "shadow",
        "shadow:0",
        "shadow:5\n",
        "canary",
        "canary:0.0",
        "canary:1.1",
        "canary:5%",
    ],
)
def test_an_invalid_promotion_is_named(promotion: str) -> None:
    with pytest.raises(InvalidConfig, match="`promotion`"):
        parsed(promotion=promotion)


def test_an_old_name_is_no_label_any_more() -> None:
    good = {"labels": ["ja", "no"], "labels_renamed": {"yes": "ja"}}
    assert config_of("t", {"t": parsed(teacher=good)}).teacher.labels_renamed == {"yes": "ja"}
    for teacher, says in (
        ({"labels": ["yes", "no"], "labels_renamed": {"yes": "ja"}}, "put `ja` there"),
        ({"labels_renamed": {"yes": "ja", "ja": "da"}}, "give each old name the newest one"),
        ({"labels_renamed": {"yes": ""}}, "labels_renamed"),
    ):
        with pytest.raises(InvalidConfig, match=says):
            parsed(teacher=teacher)
