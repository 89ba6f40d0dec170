from pathlib import Path

import pytest

from infra.bench.tracer import environment
from infra.errors import RivalUnavailable
from infra.local import cache


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "user_cache_path", lambda _name: tmp_path)
    return tmp_path


def test_a_failed_install_leaves_nothing_behind(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PINS", ("--no-index", "tracer-llm==0.3.3"))
    with pytest.raises(RivalUnavailable, match="network"):
        environment.tracer_python()
    assert list(empty_cache.iterdir()) == []


def test_without_tracer_the_report_says_so(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_command: str) -> None:
        raise RivalUnavailable("no network")

    monkeypatch.setattr(environment, "_run", fails)
    python, notes = environment.tracer_if_wanted(True)
    assert python is None
    assert notes == ("no network",)
    assert environment.tracer_if_wanted(False) == (None, ())
