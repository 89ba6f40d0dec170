"""up, worker, and every command that needs a server: what they say where it can't work."""

from pathlib import Path

import pytest

from infra.commands.serve import _addresses, _farewell
from infra.serve.server_note import Embedded
from streams.settings import Settings
from tests.infra.conftest import Run

_NOWHERE = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "REDIS__URL": "redis://127.0.0.1:1/0"}


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UNDERSTUDY_DATA", str(tmp_path))
    for name, value in _NOWHERE.items():
        monkeypatch.setenv(f"UNDERSTUDY_{name}", value)


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("command", ["up", "worker route", "consume labels", "topics create"])
def test_a_misspelt_kafka_option_is_named(
    understudy: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("UNDERSTUDY_KAFKA__SASL_USRENAME", "me")
    ended = understudy(*command.split())
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        'settings: Kafka client option refused: No such configuration property: "sasl.usrename"\n'
    )


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("role", ["consumer", "producer"])
def test_a_worker_checks_each_client_first(
    understudy: Run, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setenv(f"UNDERSTUDY_{role.upper()}__NO_SUCH", "1")
    ended = understudy("worker", "route")
    assert ended.status == 2
    assert 'No such configuration property: "no.such"' in ended.err


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("url", ["127.0.0.1:6379", "redis://h:secret/0", "http://secret@h"])
def test_a_bad_redis_url_is_refused_unseen(
    understudy: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", url)
    ended = understudy("policies", "list", "x")
    assert (ended.status, ended.out) == (2, "")
    assert "UNDERSTUDY_REDIS__URL): expected redis://" in ended.err
    assert "secret" not in ended.err


@pytest.mark.usefixtures("configure")
def test_an_unknown_redis_option_is_named(understudy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS__NO_SUCH", "1")
    ended = understudy("policies", "list", "x")
    assert ended.status == 2
    assert "no_such" in ended.err


@pytest.mark.usefixtures("configure")
def test_without_redis_a_command_says_what_to_do(understudy: Run) -> None:
    ended = understudy("policies", "list", "x")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("understudy: Redis does not answer (")
    assert ended.err.endswith("is `understudy up` running, or UNDERSTUDY_REDIS__URL set?\n")


@pytest.mark.parametrize("command", ["up --without x", "worker x"])
def test_an_unknown_role_is_refused(understudy: Run, command: str) -> None:
    ended = understudy(*command.split())
    assert ended.status == 2
    assert "no such role: x" in ended.err


@pytest.mark.usefixtures("configure")
def test_data_and_servers_of_one_s_own_exclude_each_other(understudy: Run, tmp_path: Path) -> None:
    ended = understudy("up", "--data", str(tmp_path / "kept"))
    assert (ended.status, ended.out) == (2, "")
    assert "UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS is set: `--data` is for servers of its own" in ended.err
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("option", ["--kafka-port 9092", "--redis-port 6379", "--kafka-jars ."])
def test_options_of_data_need_data(understudy: Run, option: str) -> None:
    ended = understudy("up", *option.split())
    assert ended.status == 2
    assert "needs --data" in ended.err


@pytest.mark.parametrize("embedded", [None, Embedded(1, "127.0.0.1:7", "redis://127.0.0.1:8/0")])
def test_up_prints_no_password(embedded: Embedded | None) -> None:
    own = {"kafka": {"bootstrap.servers": "broker:9092"}, "redis": {"url": "redis://me:secret@host:6379/0"}}
    shown = _addresses(Settings.model_validate(own), embedded)
    assert "Redis: redis://me:***@host:6379/0" in shown
    assert ("embedded" in shown) == (embedded is not None)


@pytest.mark.parametrize(
    ("embedded", "says"),
    [
        (None, "waits in Kafka"),
        (Embedded(1, "127.0.0.1:7", "redis://127.0.0.1:8/0"), "keep nothing"),
        (
            Embedded(1, "127.0.0.1:7", "redis://127.0.0.1:8/0", data="kept"),
            "`understudy up --data kept` goes on",
        ),
    ],
)
def test_up_says_at_its_end_what_stays(embedded: Embedded | None, says: str) -> None:
    assert says in _farewell(embedded)
