"""Settings come from the environment, then the file; whatever is wrong with them is said at once."""

import os
from pathlib import Path

import pytest

from streams.errors import InvalidSettings
from streams.kafka.clients import (
    admin_options,
    check_options,
    consumer_options,
    producer_options,
    reader_options,
    tail_options,
    transactional_options,
)
from streams.latency_settings import PROFILES, Latency
from streams.settings import ROLES, Settings, load_settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without whatever the test run itself was started with."""
    for name in [name for name in os.environ if name.startswith("UNDERSTUDY_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def file(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "understudy.toml"
    environment.setenv("UNDERSTUDY_SETTINGS", str(path))
    return path


def test_kafka_options_get_dots(environment: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text(
        '[kafka]\nsecurity.protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\n"sasl.username" = "u"\n'
        "[consumer]\nfetch.min.bytes = 7\n"
    )
    environment.setenv("UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS", "broker:1")
    environment.setenv("UNDERSTUDY_KAFKA__SASL_PASSWORD", "1e5")
    settings = load_settings()
    assert settings.kafka == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "u",
        "bootstrap.servers": "broker:1",
        "sasl.password": "1e5",
    }
    assert consumer_options(settings, "g").items() >= {**settings.kafka, "fetch.min.bytes": 7}.items()


def test_the_environment_overrides_the_file(environment: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text('batch = 7\nprefix = "file"\n[kafka]\nbootstrap.servers = "file:1"\nclient.id = "file"\n')
    environment.setenv("UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS", "environment:1")
    environment.setenv("UNDERSTUDY_PREFIX", "environment")
    settings = load_settings()
    assert (settings.batch, settings.prefix) == (7, "environment")
    assert settings.kafka == {"bootstrap.servers": "environment:1", "client.id": "file"}
    assert settings.topics.labels == "environment.labels"
    assert settings.keys.tasks.startswith("environment:")


def test_every_problem_is_named_at_once(environment: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text('colour = "red"\nlease = 0\n')
    environment.setenv("UNDERSTUDY_BATCH", "many")
    environment.setenv("UNDERSTUDY_DELIVERY", "twice")
    environment.setenv("UNDERSTUDY_ROLES", "route,cook")
    environment.setenv("UNDERSTUDY_BATHC", "7")
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    for name in ("COLOUR", "LEASE", "BATCH", "DELIVERY", "ROLES", "BATHC"):
        assert sum(f"UNDERSTUDY_{name}" in problem for problem in caught.value.problems) == 1, name
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("UNDERSTUDY_SETTINGS", "/nowhere/at/all.toml", "not a file"),
        ("UNDERSTUDY_KAFKA", "broker:1", "kafka"),
        ("UNDERSTUDY_PREFIX", "two words", "prefix"),
    ],
)
def test_what_can_not_be_read_is_a_problem_too(
    environment: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(InvalidSettings, match=reason):
        load_settings()


@pytest.mark.parametrize("content", [b"batch = = 7", b'prefix = "\xff"'])
def test_an_invalid_file_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"understudy\.toml is not TOML"):
        load_settings()


def test_roles_are_a_list_or_have_commas(environment: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text('roles = ["learn"]')
    assert load_settings().roles == ("learn",)
    environment.setenv("UNDERSTUDY_ROLES", "route, trainer")
    assert load_settings().roles == ("route", "trainer")
    assert set(ROLES) - set(Settings.model_fields["roles"].default) == {"gateway"}


def test_kubernetes_variables_are_no_settings(environment: pytest.MonkeyPatch) -> None:
    for name in ("SERVICE_HOST", "GATEWAY_SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP_ADDR"):
        environment.setenv(f"UNDERSTUDY_{name}", "10.0.0.1")
    assert load_settings().prefix == "understudy"


def test_delivery_options_can_not_be_changed(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        kafka={"enable.idempotence": False, "isolation.level": "read_uncommitted"},
        consumer={"enable.auto.commit": True, "enable.auto.offset.store": True, "session.timeout.ms": 9000},
        producer={"enable.idempotence": False, "transactional.id": "mine", "transaction.timeout.ms": 5},
    )
    consumer = consumer_options(settings, "group")
    assert consumer["enable.auto.commit"] is consumer["enable.auto.offset.store"] is False
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["session.timeout.ms"] == 9000, "what is the user's to choose is the user's"
    transactional = transactional_options(settings, "ours")
    assert transactional["enable.idempotence"] is producer_options(settings)["enable.idempotence"] is True
    assert (transactional["transactional.id"], transactional["transaction.timeout.ms"]) == ("ours", 5)


def test_roles_fetch_ahead_in_proportion_to_their_batches(environment: pytest.MonkeyPatch) -> None:
    small, large = (consumer_options(load_settings(), "g", batch) for batch in (500, 4_000))
    assert (small["queued.max.messages.kbytes"], large["queued.max.messages.kbytes"]) == (2_048, 16_000)
    assert (small["queued.min.messages"], large["queued.min.messages"]) == (2_500, 20_000)
    least = consumer_options(load_settings(), "g", 1)["queued.max.messages.kbytes"]
    assert least == 2_048, "the largest message has to fit"
    given = load_settings(consumer={"queued.max.messages.kbytes": 7_000})
    assert consumer_options(given, "g", 500)["queued.max.messages.kbytes"] == 7_000


def test_an_idle_consumer_lets_the_broker_wait_for_messages(environment: pytest.MonkeyPatch) -> None:
    name = "fetch.wait.max.ms"
    assert consumer_options(load_settings(), "g")[name] == tail_options(load_settings())[name] == 250
    assert reader_options(load_settings())[name] == 100, "a reader waits for the ends of its topics"
    given = load_settings(consumer={name: 7})
    found = [
        each[name] for each in (consumer_options(given, "g"), tail_options(given), reader_options(given))
    ]
    assert found == [7, 7, 7]


def test_the_new_protocol_gets_no_classic_options(
    environment: pytest.MonkeyPatch,
) -> None:
    options = consumer_options(load_settings(kafka={"group.protocol": "consumer"}), "group")
    assert options["group.protocol"] == "consumer"
    assert not options.keys() & {
        "partition.assignment.strategy",
        "session.timeout.ms",
        "heartbeat.interval.ms",
    }


def test_clients_that_are_in_no_group_get_no_option_of_groups(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings(kafka={"group.protocol": "consumer", "group.remote.assignor": "range"})
    for options in (producer_options(settings), admin_options(settings)):
        assert not [name for name in options if name.startswith("group.")]


def test_the_new_protocol_refuses_a_session_timeout_of_the_user(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings, match=r"session\.timeout\.ms.*group\.protocol"):
        check_options(
            load_settings(kafka={"group.protocol": "consumer"}, consumer={"session.timeout.ms": 9_000})
        )


def test_settings_print_no_secret(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        kafka={
            "sasl.username": "me",
            "sasl.password": "hush",
            "ssl.key.password": "hush",
            "ssl.key.pem": "hush",
        },
        consumer={"sasl.oauthbearer.client.secret": "hush", "ssl.ca.location": "ca.pem"},
        producer={"sasl.oauthbearer.config": "principal=hush"},
        redis={"url": "rediss://me:hush@redis:6379/0", "password": "hush"},
        audit_key="hush",
    )
    for printed in (repr(settings), str(settings)):
        assert "hush" not in printed
        assert "'sasl.username': 'me'" in printed
        assert "rediss://me:***@redis:6379/0" in printed
        assert "'ssl.ca.location': 'ca.pem'" in printed
    assert settings.kafka["sasl.password"] == settings.redis["password"] == "hush"


@pytest.mark.parametrize("latency", Latency)
def test_what_follows_from_latency_is_overridden_by_what_is_set(
    environment: pytest.MonkeyPatch, latency: Latency
) -> None:
    profile = PROFILES[latency]
    environment.setenv("UNDERSTUDY_LATENCY", latency)
    settings = load_settings()
    assert (settings.commit_interval, settings.batch) == (profile.commit_interval, profile.batch)
    assert consumer_options(settings, "g").items() >= profile.consumer.items()
    assert transactional_options(settings, "t").items() >= profile.producer.items()
    environment.setenv("UNDERSTUDY_BATCH", "17")
    environment.setenv("UNDERSTUDY_PRODUCER__LINGER_MS", "33")
    settings = load_settings()
    assert (settings.commit_interval, settings.batch) == (profile.commit_interval, 17)
    assert producer_options(settings)["linger.ms"] == "33"
    check_options(settings)


def test_lower_latency_waits_for_less() -> None:
    low, balanced, throughput = (PROFILES[latency] for latency in Latency)
    assert low.producer["linger.ms"] <= balanced.producer["linger.ms"] <= throughput.producer["linger.ms"]
    assert low.commit_interval <= balanced.commit_interval <= throughput.commit_interval
    assert Settings().latency_profile == balanced


def test_a_latency_that_is_none_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNDERSTUDY_LATENCY", "high")
    with pytest.raises(InvalidSettings, match=r"UNDERSTUDY_LATENCY.*'low', 'balanced' or 'throughput'"):
        load_settings()
