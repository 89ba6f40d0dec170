"""A policy answers only for what it was fitted and certified for; otherwise there is no threshold."""

import json
from typing import Any

import pytest

from models.embedders.prompt import Prompt
from schemas.config import Config, parse_override
from streams.encoder_spec import EncoderSpec
from streams.tasks import Task, Tasks, threshold, unsuitable_reason
from tests.streams.fakes import ScriptedEmbedder, ScriptedPolicy, manifest

STATIC = EncoderSpec("model2vec:/m")
BOUND: dict[str, Any] = {"embedder": "model2vec:/m", "dimension": 3, "encoder": "scripted:1"}


def configure(live: Tasks, key: str, **fields: Any) -> None:
    live.configure(key, parse_override(json.dumps(fields).encode()))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(target_agreement=0.95), 0.7),
        (Config(target_agreement=0.9), 0.5),
        (Config(target_agreement=0.91), 0.7),
        (Config(target_agreement=0.5), 0.5),
        (Config(target_agreement=0.96), None),
        (Config(target_agreement=0.9, reserve=0.4), 0.7),
        (Config(target_agreement=0.95, reserve=0.4), None),
        (Config(delta=0.05), 0.7),
        (Config(delta=0.2), 0.7),
        (Config(delta=0.049), None),
        (Config(delta=0.01, threshold=0.3), 0.3),
        (Config(target_agreement=0.99, threshold=0.0), 0.0),
    ],
)
def test_the_operator_s_threshold_comes_first(config: Config, expected: float | None) -> None:
    assert threshold(manifest(), config) == expected


@pytest.mark.parametrize(
    ("embedder", "dimension", "config", "expected"),
    [
        ("text", None, Config(), True),
        ("text", None, Config(embedder="precomputed"), False),
        ("precomputed", 3, Config(), False),
        ("precomputed", 3, Config(embedder="precomputed"), True),
        ("precomputed", 3, Config(embedder="precomputed", dimension=3), True),
        ("precomputed", 3, Config(embedder="precomputed", dimension=4), False),
    ],
)
def test_a_policy_for_other_features_is_unsuitable(
    embedder: str, dimension: int | None, config: Config, expected: bool
) -> None:
    installed = ScriptedPolicy(embedder=embedder, dimension=dimension)
    assert (unsuitable_reason(installed.manifest, config) is None) is expected
    task = Task.of("t", config, installed)
    assert (task.policy is installed) is expected
    assert Task.of("t", Config(threshold=0.0, embedder="other"), installed).policy is None
    assert task.answers_nothing is not expected


def test_when_a_task_answers_nothing() -> None:
    assert not Task.of("t", Config(), ScriptedPolicy()).answers_nothing
    assert Task.of("t", Config(paused=True), ScriptedPolicy()).answers_nothing
    assert Task.of("t", Config(target_agreement=0.99), ScriptedPolicy()).answers_nothing
    assert Task.of("t", Config(threshold=0.1), None).answers_nothing


def test_the_dimension_is_the_config_s_or_policy_s() -> None:
    installed = ScriptedPolicy(embedder="precomputed", dimension=3)
    assert Task.of("t", Config(embedder="precomputed"), installed).dimension == 3
    assert Task.of("t", Config(embedder="precomputed", dimension=4), installed).dimension == 4
    assert Task.of("t", Config(embedder="precomputed"), None).dimension is None


def test_config_and_policies_come_in_any_order() -> None:
    live, installed = Tasks(), ScriptedPolicy()
    assert live.task("t") == Task("t", Config(), None, None)
    live.set_policy("t", installed)
    before = live.task("t")
    configure(live, "*", target_agreement=0.9)
    configure(live, "u", paused=True)
    assert live.task("t").threshold == 0.5
    assert before.threshold == 0.7, "who holds the old state keeps seeing it whole"
    assert live.task("u").config == Config(target_agreement=0.9, paused=True)
    configure(live, "*", audit_rate=0.5)
    assert live.task("t").config == Config(audit_rate=0.5), "the newest message for all replaces the last"
    assert live.task("u").config == Config(audit_rate=0.5, paused=True)
    configure(live, "t", embedder="precomputed")
    assert live.task("t").policy is None
    assert live.policy("t") is installed
    live.configure("t", {})
    assert live.task("t").policy is installed


@pytest.mark.parametrize(
    ("given", "embedder", "says"),
    [
        ({}, ScriptedEmbedder(), None),
        ({}, ScriptedEmbedder("scripted:2"), "is scripted:2 here"),
        ({}, None, "no encoder is open"),
        ({"encoder": None}, ScriptedEmbedder(), "an encoder without a name"),
        ({"dimension": 4}, ScriptedEmbedder(), "here their length is 3"),
        ({"embedder": "onnx:/m"}, ScriptedEmbedder(), "the config says `model2vec:/m`"),
    ],
)
def test_a_policy_answers_for_no_encoder_but_its_own(
    given: dict[str, Any], embedder: ScriptedEmbedder | None, says: str | None
) -> None:
    live, installed = Tasks(), ScriptedPolicy(**BOUND | given)
    live.set_policy("t", installed)
    configure(live, "t", embedder="model2vec:/m", threshold=0.0)
    live.set_encoder(STATIC, embedder)
    assert (live.task("t").policy is installed) is (says is None)
    assert live.task("t").answers_nothing is (says is not None)
    assert (says or "") in live.unsuitable().get("t", "")


def test_a_wrong_dimension_is_named_without_a_policy() -> None:
    live = Tasks()
    configure(live, "t", embedder="model2vec:/m", dimension=4)
    live.set_encoder(STATIC, ScriptedEmbedder())
    assert live.unsuitable() == {"t": "the config says `dimension` 4, and scripted:1 makes 3"}


def test_policies_fail_with_their_encoder() -> None:
    live, embedder = Tasks(), ScriptedEmbedder()
    configure(live, "*", embedder="text>model2vec:/m")
    live.set_policy("t", ScriptedPolicy(**BOUND | {"embedder": "text>model2vec:/m"}))
    live.set_policy("u", ScriptedPolicy())
    configure(live, "u", embedder="text")
    live.set_encoder(STATIC, embedder)
    assert live.task("t").policy is not None
    live.drop_encoder(embedder)
    assert (live.task("t").policy, live.task("u").policy is not None) == (None, True)
    live.set_encoder(STATIC, ScriptedEmbedder())
    assert live.task("t").policy is not None


def test_the_encoders_of_all_tasks_are_named() -> None:
    live = Tasks()
    assert live.encoder_specs() == frozenset()
    configure(live, "*", embedder="model2vec:/m")
    configure(live, "t", embedder="text+model2vec:/m")
    configure(live, "u", embedder="precomputed")
    told = {"prompt": "One of:\n{labels}", "labels": ["a", "b"]}
    configure(live, "v", embedder="probe:http://h/v1#m", teacher=told)
    prompt = Prompt("One of:\na\nb\n\nMessage: ", "\nLabel:")
    assert live.encoder_specs() == {STATIC, EncoderSpec("probe:http://h/v1#m", prompt)}


def test_each_encoder_of_a_cascade_opens_by_itself() -> None:
    """Its first stages answer with those that are open."""
    live, first, second = Tasks(), ScriptedEmbedder("scripted:1"), ScriptedEmbedder("scripted:2")
    spec, other = "model2vec:/m>endpoint:http://h/v1#m", EncoderSpec("endpoint:http://h/v1#m")
    configure(live, "t", embedder=spec)
    given = BOUND | {"embedder": spec, "dimension": 6, "encoder": "scripted:1[3]>scripted:2[3]"}
    live.set_policy("t", ScriptedPolicy(**given))
    assert live.encoder_specs() == {STATIC, other}
    assert live.task("t").answers_nothing
    live.set_encoder(other, second)
    assert live.task("t").answers_nothing, "the first stage reads the first vector"
    live.set_encoder(STATIC, first)
    task = live.task("t")
    assert (task.parts, task.embedder and task.embedder.id) == ((first, second), given["encoder"])
    assert (task.live is not None, task.answers_nothing, live.unsuitable()) == (True, False, {})
    live.drop_encoder(second)
    task = live.task("t")
    assert (task.parts, task.embedder, task.live, task.answers_nothing) == ((first, None), None, None, False)
    assert "but not all of these are open" in live.unsuitable()["t"]
    live.set_encoder(STATIC, ScriptedEmbedder("scripted:3"))
    assert live.task("t").answers_nothing, "another model has taken its place"


def test_an_automatic_rate_is_high_until_certified() -> None:
    live = Tasks()
    configure(live, "t", audit_rate="auto", audit_low=0.01, audit_high=0.2)
    rates = []
    live.set_policy("t", ScriptedPolicy(version="v1"))
    for version in (None, "v2", "v1"):
        live.set_certified("t", version)
        rates.append(live.task("t").audit_rate)
    live.set_policy("t", ScriptedPolicy(version="v2"))
    rates.append(live.task("t").audit_rate)
    live.set_certified("t", "v2")
    rates.append(live.task("t").audit_rate)
    live.forget_sampling_states()
    rates.append(live.task("t").audit_rate)
    assert rates == [0.2, 0.2, 0.01, 0.2, 0.01, 0.2]


def test_more_is_sampled_until_enough_traces_certify() -> None:
    live = Tasks()
    configure(live, "t", audit_rate=0.1, audit_early=0.3, audit_enough=500)
    assert live.task("t").inclusion == 1.0, "without a policy everything is sampled"
    live.set_policy("t", ScriptedPolicy(version="v1"))
    rates = []
    for certifying in (None, 499, 500, 3):
        live.set_certifying("t", certifying)
        rates.append(live.task("t").inclusion)
    live.forget_sampling_states()
    rates.append(live.task("t").inclusion)
    assert rates == [0.1, 0.3, 0.1, 0.3, 0.1]
    configure(live, "t", paused=True)
    assert (live.task("t").audit_rate, live.task("t").inclusion) == (0.02, 1.0)


def test_a_new_label_raises_the_audit_rate() -> None:
    live = Tasks()
    live.set_policy("t", ScriptedPolicy(offered=("no", "yes")))
    live.set_certified("t", "v1")
    live.set_certifying("t", 100_000)
    rates = {"audit_rate": "auto", "audit_low": 0.01, "audit_high": 0.05, "audit_early": 0.2}
    for labels, rate in ((["no", "yes"], 0.01), (["no", "yes", "added"], 0.2), (["no", "yes"], 0.01)):
        configure(live, "t", **rates, teacher={"labels": labels})
        assert live.task("t").audit_rate == rate
        assert not live.task("t").answers_nothing
    configure(live, "t", **rates, teacher={"labels": ["no", "yes", "added"]}, label_added="defer")
    assert (live.task("t").answers_nothing, live.task("t").inclusion) == (True, 1.0)
    live.set_policy("t", ScriptedPolicy(version="v2", offered=("no", "yes", "added")))
    assert (live.task("t").answers_nothing, live.task("t").audit_rate) == (False, 0.05)
