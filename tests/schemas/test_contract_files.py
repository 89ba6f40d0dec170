"""The files of the contract are current, and tools of other languages read them.

AsyncAPI's parser is in `.node`, where `make test` installs it, or in the folder that `UNDERSTUDY_TEST_NODE`
names.
"""

import json
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from schemas.contract_files import contract_files
from schemas.topics import Topics

SCRIPT = Path(__file__).with_name("parse_asyncapi.mjs")
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "schemas"
WARNING = 1
"""Severity from which on a finding is one; below is 0, an error, above are hints."""


def test_the_files_are_current() -> None:
    """If this fails, run `understudy schemas write`."""
    wanted = contract_files(version("understudy"))
    assert {path for path, content in wanted.items() if (FOLDER / path).read_bytes() != content} == set()
    assert {f"json/{found.name}" for found in (FOLDER / "json").iterdir()} == {
        path for path in wanted if path.startswith("json/")
    }


def findings_of(tmp_path: Path, document: bytes) -> tuple[list[str], list[str]]:
    """The channels that AsyncAPI's parser finds, and its errors and warnings."""
    packages = Path(os.environ.get("UNDERSTUDY_TEST_NODE") or ROOT / ".node").absolute() / "node_modules"
    if shutil.which("node") is None or not (packages / "@asyncapi" / "parser").is_dir():
        pytest.skip(f"no node on the PATH, or no @asyncapi/parser in {packages}: `make node` installs it")
    if not (tmp_path / "node_modules").exists():
        (tmp_path / "node_modules").symlink_to(packages)
    script = shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "asyncapi.json").write_bytes(document)
    words = ["node", script, tmp_path / "asyncapi.json"]
    said = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=120).stdout)
    problems = [found["finding"] for found in said["findings"] if found["severity"] <= WARNING]
    return said["channels"], problems


def test_the_parser_of_asyncapi_reads_the_document(tmp_path: Path) -> None:
    document = (FOLDER / "asyncapi.json").read_bytes()
    channels, problems = findings_of(tmp_path, document)
    assert problems == []
    assert set(channels) >= set(Topics().all()) - {Topics().dead_letters}
    broken = json.loads(document)
    broken["operations"]["label"]["channel"] = {"$ref": "#/channels/nowhere"}
    assert findings_of(tmp_path, json.dumps(broken).encode())[1] != []
