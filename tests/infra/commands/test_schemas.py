"""The contract is written as files, and stale ones are named."""

from pathlib import Path

from tests.infra.conftest import Run


def test_written_files_are_current(understudy: Run, tmp_path: Path) -> None:
    written = understudy("schemas", "write", str(tmp_path))
    assert written.status == 0
    places = {str(path) for path in tmp_path.rglob("*.json")}
    assert set(written.out.split()) == places >= {str(tmp_path / "json" / "label.json")}
    assert understudy("schemas", "write", str(tmp_path)).out == ""
    assert understudy("schemas", "check", str(tmp_path)).status == 0


def test_stale_files_are_named(understudy: Run, tmp_path: Path) -> None:
    understudy("schemas", "write", str(tmp_path))
    (tmp_path / "json" / "label.json").write_text("{}")
    (tmp_path / "json" / "gone.json").write_text("{}")
    (tmp_path / "asyncapi.json").unlink()
    checked = understudy("schemas", "check", str(tmp_path))
    assert checked.status == 1
    assert sorted(checked.out.split()) == [
        str(tmp_path / path) for path in ("asyncapi.json", "json/gone.json", "json/label.json")
    ]
    assert f"understudy schemas write {tmp_path}" in checked.err
