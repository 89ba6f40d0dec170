"""The command line as a user has it, in this process: arguments in; exit status, output and errors out."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from infra.cli import main
from infra.local.embedded_kafka import EmbeddedKafka


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def understudy(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["understudy", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def embedded_kafka() -> Iterator[str]:
    with EmbeddedKafka() as broker:
        yield broker.bootstrap_servers
