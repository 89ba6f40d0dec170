"""A worker imports the roles that it runs, and no others."""

import subprocess
import sys

import pytest

from streams.settings import ROLES, Role

_BUILD = """
import sys
from streams.app import create_app
from streams.settings import load_settings
create_app(load_settings(), [sys.argv[1]])
print(*sys.modules)
"""
_TRAINING = {"sklearn", "scipy", "lightgbm", "onnx", "skl2onnx", "onnxmltools", "jinja2", "models.fit"}
_LLM_CLIENT = {"openai", "httpx"}
_NOT_FOR: dict[Role, set[str]] = {
    "route": _TRAINING | _LLM_CLIENT,
    "teacher": _TRAINING,
    "learn": _TRAINING | _LLM_CLIENT,
}


def modules_of(role: Role) -> set[str]:
    command = [sys.executable, "-c", _BUILD, role]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("role", ROLES)
def test_each_role_can_be_built_alone(role: Role) -> None:
    modules = modules_of(role)
    assert {name for name in modules if name.startswith("streams.assembly.")} == {
        "streams.assembly.metrics",
        "streams.assembly.parts",
        f"streams.assembly.{role}",
    }
    assert modules & _NOT_FOR.get(role, set()) == set()
