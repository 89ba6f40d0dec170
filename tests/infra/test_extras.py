"""The plain install is enough for files; every other command names the extra that it needs."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.cli import _COMMANDS
from infra.extras import PACKAGES, Extra, require_extra
from tests.infra.conftest import Run

_ROOT = Path(__file__).parents[2]
_OURS = {"schemas", "models", "streams", "infra"}
_PLAIN = [name for name, entry in _COMMANDS.items() if entry.extra is None]
_LOAD_WITHOUT_EXTRAS = """
import sys
from infra.cli import load_command
from infra.extras import PACKAGES
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in PACKAGES["bench"]:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
for name in sys.argv[1:]:
    load_command(name)
import infra.failures, infra.notebook.fit_traces, models.router.router
import models.evaluate, models.fit, models.scan
"""


@cache
def project() -> dict[str, list[str]]:
    """Distributions of the plain install, as `""`, and of each extra with what it includes."""
    table = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    return {"": table["dependencies"], **table["optional-dependencies"]}


def distributions(extra: str = "") -> set[str]:
    """Names as on the package index, in one spelling."""
    found = set[str]()
    for requirement in project()[extra]:
        if ours := re.fullmatch(r"understudy\[(.*)\]", requirement):
            found |= set[str]().union(*map(distributions, ours[1].split(",")))
        else:
            found.add(spelling(re.split(r"[><=]", requirement)[0]))
    return found | (distributions() if extra else set())


def spelling(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(folder: str, left_out: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each file, and the packages of others that it imports."""
    for file in sorted((_ROOT / folder).rglob("*.py")):
        place = str(file.relative_to(_ROOT))
        for node in ast.walk(ast.parse(file.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for package in {name.split(".")[0] for name in names} - _OURS - sys.stdlib_module_names:
                if place not in left_out:
                    yield place, package


def undeclared(found: Iterator[tuple[str, str]], extra: str) -> set[tuple[str, str]]:
    known, origin = distributions(extra), packages_distributions()
    return {
        (file, package)
        for file, package in found
        if not known & set(map(spelling, origin.get(package, [package])))
    }


_ENCODERS = (
    "models/api_failures.py",
    *(f"models/embedders/{name}.py" for name in ("decision_model", "endpoint", "model2vec", "onnx")),
)
_PROBES = tuple(
    f"models/language_model/{name}.py"
    for name in ("byte_pairs", "checkpoint", "safetensors_file", "truncate")
)


def test_models_needs_the_plain_install_only() -> None:
    assert undeclared(imports("models", left_out=(*_ENCODERS, *_PROBES)), "") == set()
    assert undeclared(imports("schemas"), "") == set()


def test_encoders_need_their_extra() -> None:
    found = (entry for entry in imports("models") if entry[0] in _ENCODERS)
    assert undeclared(found, "encoders") == set()


def test_the_layers_of_an_llm_need_their_extra() -> None:
    found = (entry for entry in imports("models") if entry[0] in _PROBES)
    assert undeclared(found, "probe") == set()


_MSK_LOGIN = "streams/kafka/msk_login.py"


def test_streams_needs_its_extra() -> None:
    assert undeclared(imports("streams", left_out=(_MSK_LOGIN,)), "stream") == set()


def test_the_login_at_msk_needs_its_extra() -> None:
    signer = {package for file, package in imports("streams") if file == _MSK_LOGIN}
    assert signer == {"aws_msk_iam_sasl_signer"}
    assert "aws-msk-iam-sasl-signer-python" in distributions("msk")


def test_infra_needs_nothing_undeclared() -> None:
    # The rivals, pyarrow and selenium are optional, and used only where they are found.
    optional = {"tracer", "shad0w", "pyarrow", "selenium"}
    assert {entry for entry in undeclared(imports("infra"), "bench") if entry[1] not in optional} == set()


@pytest.mark.parametrize("extra", PACKAGES)
def test_an_extra_has_the_packages_it_names(extra: Extra) -> None:
    origin = packages_distributions()
    for package in PACKAGES[extra]:
        assert distributions(extra) & set(map(spelling, origin[package])), package


def test_commands_on_files_load_without_extras() -> None:
    assert set(_PLAIN) == {"fit", "predict", "evaluate", "report", "scan", "schemas"}
    command = [sys.executable, "-c", _LOAD_WITHOUT_EXTRAS, *_PLAIN]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [name for name in _COMMANDS if name not in _PLAIN])
def test_a_command_names_the_extra_it_lacks(
    understudy: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("infra.extras.find_spec", lambda _: None)
    monkeypatch.setattr("infra.extras.sys", SimpleNamespace(modules={}))
    ended = understudy(name)
    assert (ended.status, ended.out) == (2, "")
    assert f"`understudy {name}` needs the package" in ended.err
    assert f"pip install 'understudy[{_COMMANDS[name].extra}]'" in ended.err


def test_installed_extras_are_found() -> None:
    for extra in PACKAGES:
        require_extra("demo", extra)
