"""What a role's process loads: each large library costs every worker of the role its memory."""

import subprocess
import sys

import pytest

LEARNING = ("sklearn", "lightgbm", "onnx", "scipy.stats", "scipy.optimize", "scipy.sparse")


@pytest.mark.parametrize(
    ("role", "unwanted"),
    [
        ("route", (*LEARNING, "scipy", "openai", "starlette")),
        ("certify", (*LEARNING, "openai", "starlette")),
        ("trainer", (*LEARNING, "openai", "starlette")),
        ("gateway", ("sklearn", "lightgbm", "onnx", "scipy.stats", "scipy.optimize")),
    ],
)
def test_a_role_loads_no_library_that_it_does_not_use(role: str, unwanted: tuple[str, ...]) -> None:
    program = f"import sys, streams.assembly.{role}; print(*(set({unwanted!r}) & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
