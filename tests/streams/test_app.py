"""A worker imports the roles that it runs, and no others."""

import os
import subprocess
import sys

import pytest

from streams.app import create_app
from streams.errors import InvalidSettings
from streams.settings import PUBLIC_AUDIT_KEY, ROLES, Role, load_settings

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
_FURTHER: dict[Role, set[str]] = {"gateway": {"streams.assembly.dashboard"}}


def modules_of(role: Role) -> set[str]:
    command, environ = [sys.executable, "-c", _BUILD, role], {**os.environ, "UNDERSTUDY_AUDIT_KEY": "secret"}
    return set(
        subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout.split()
    )


@pytest.mark.parametrize("role", ROLES)
def test_each_role_can_be_built_alone(role: Role) -> None:
    modules = modules_of(role)
    assert {name for name in modules if name.startswith("streams.assembly.")} == {
        "streams.assembly.metrics",
        "streams.assembly.parts",
        "streams.assembly.tracing",
        f"streams.assembly.{role}",
        *_FURTHER.get(role, ()),
    }
    assert modules & _NOT_FOR.get(role, set()) == set()
    assert {name for name in modules if name.startswith(("opentelemetry.exporter", "streams.tracing."))} == {
        "streams.tracing.contract"
    }, "tracing is off"


@pytest.mark.parametrize("role", ["route", "gateway"])
@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_nothing_answers_under_the_public_audit_key(
    role: Role, delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_DELIVERY", delivery)
    for key in (None, PUBLIC_AUDIT_KEY):
        with monkeypatch.context() as patch:
            patch.delenv("UNDERSTUDY_AUDIT_KEY", raising=False)
            if key is not None:
                patch.setenv("UNDERSTUDY_AUDIT_KEY", key)
            with pytest.raises(InvalidSettings, match=r"UNDERSTUDY_AUDIT_KEY.*set it to a secret"):
                create_app(load_settings(), [role])
