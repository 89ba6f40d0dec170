"""Clients log in at Amazon MSK with tokens that they share, and that are signed again in time."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.errors import InvalidSettings
from streams.kafka import clients
from streams.settings import Settings

_MODULE = "streams.kafka.msk_login"
_LIFE = 900.0


class Signer(ModuleType):
    """Stands for the package; signs tokens that are good for a quarter of an hour.

    Attributes:
        regions: for which it has signed.
        failure: what it raises.
    """

    def __init__(self) -> None:
        super().__init__("aws_msk_iam_sasl_signer")
        self.MSKAuthTokenProvider = self
        self.now = 1_000_000.0
        self.regions: list[str] = []
        self.failure: Exception | None = None

    def generate_auth_token(self, region: str) -> tuple[str, int]:
        if self.failure is not None:
            raise self.failure
        self.regions.append(region)
        return f"token-{len(self.regions)}", int((self.now + _LIFE) * 1_000)


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signer]:
    stand_in = Signer()
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", stand_in)
    monkeypatch.delitem(sys.modules, _MODULE, raising=False)
    clients._msk_login.cache_clear()
    yield stand_in
    clients._msk_login.cache_clear()
    sys.modules.pop(_MODULE, None)


def tokens(signer: Signer) -> Any:
    return sys.modules[_MODULE].MskTokens("eu-central-1", lambda: signer.now)


def test_every_client_logs_in_with_tokens_that_all_share(signer: Signer) -> None:
    settings = Settings(msk_region="eu-central-1")
    made = [
        clients.admin_options(settings),
        clients.producer_options(settings),
        clients.consumer_options(settings, "g"),
        clients.reader_options(settings),
    ]
    for options in made:
        assert (options["security.protocol"], options["sasl.mechanisms"]) == ("SASL_SSL", "OAUTHBEARER")
    signer.now = 4e9
    assert {options["oauth_cb"]("") for options in made} == {("token-1", 4e9 + _LIFE)}
    assert signer.regions == ["eu-central-1"]


def test_a_real_client_asks_for_a_token(signer: Signer) -> None:
    signer.now = 4e9
    clients.open_client(Producer, clients.producer_options(Settings(msk_region="us-east-1"))).close()
    assert signer.regions == ["us-east-1"]


def test_a_token_is_signed_again_once_half_of_its_time_is_over(signer: Signer) -> None:
    clients.admin_options(Settings(msk_region="eu-central-1"))
    shared = tokens(signer)
    first = shared.get("")
    signer.now += 0.4 * _LIFE
    assert shared.get("") == first
    signer.now += 0.2 * _LIFE
    assert shared.get("") == ("token-2", signer.now + _LIFE)


def test_a_token_that_can_not_be_signed_is_tried_again(
    signer: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    clients.admin_options(Settings(msk_region="eu-central-1"))
    shared = tokens(signer)
    signer.failure = RuntimeError("no credentials")
    with pytest.raises(RuntimeError, match="no credentials"):
        shared.get("")
    assert "no token for Amazon MSK, will retry: no credentials, region=eu-central-1" in caplog.text
    signer.failure = None
    assert shared.get("")[0] == "token-1"


def test_the_users_own_options_hold(signer: Signer) -> None:
    own = {"security.protocol": "SASL_PLAINTEXT"}
    assert clients.admin_options(Settings(msk_region="eu-central-1", kafka=own))["security.protocol"] == (
        "SASL_PLAINTEXT"
    )


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    monkeypatch.delitem(sys.modules, _MODULE, raising=False)
    clients._msk_login.cache_clear()
    with pytest.raises(InvalidSettings, match=r"UNDERSTUDY_MSK_REGION.*pip install 'understudy\[msk\]'"):
        clients.admin_options(Settings(msk_region="eu-central-1"))
    clients._msk_login.cache_clear()
    assert "oauth_cb" not in clients.admin_options(Settings())
