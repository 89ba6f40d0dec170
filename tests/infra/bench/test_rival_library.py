import sys
from pathlib import Path

import pytest

from infra.bench.rival_library import RivalLibrary
from infra.errors import RivalUnavailable
from infra.local import cache

ABSENT = RivalLibrary("Absent 1.0", "absent", ("--no-index", "absent-library==1.0"))


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "user_cache_path", lambda _name: tmp_path)
    return tmp_path


def test_a_failed_install_leaves_nothing_behind(empty_cache: Path) -> None:
    with pytest.raises(RivalUnavailable, match=r"Absent 1\.0 could not be installed.*network"):
        ABSENT.interpreter()
    assert list(empty_cache.iterdir()) == []


def test_without_a_rival_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Path:
        raise RivalUnavailable("no network")

    monkeypatch.setattr(RivalLibrary, "interpreter", fails)
    assert ABSENT.interpreter_if_wanted(True) == (None, ("no network",))
    assert ABSENT.interpreter_if_wanted(False) == (None, ())


def test_a_failed_script_shows_its_last_words(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("1 / 0")
    with pytest.raises(RivalUnavailable, match=r"Absent 1\.0 failed on 3 traces:[\s\S]*ZeroDivisionError"):
        ABSENT.run_script(Path(sys.executable), script, tmp_path, 3)
