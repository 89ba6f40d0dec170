"""What `import understudy` offers, and that importing it loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

import understudy
from models.errors import ModelError

ROOT = Path(__file__).parents[3]
NAMES = """
EmbedderError FallbackError Fit FitRefused InvalidAnswer InvalidSpec ModelError Options PartlyAnswered
PolicyError Prediction Router TextRefused TrainingError fit per_text
"""
SERVERS = ("faust", "confluent_kafka", "redis", "openai", "typer", "pydantic")
LEARNS = ("sklearn", "scipy", "lightgbm", "onnx", "skl2onnx")


def loaded_after(program: str, names: tuple[str, ...]) -> list[str]:
    """Which of these modules a fresh interpreter has loaded once it has run the program."""
    path = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'infra/python')!r}]"
    shown = f"print(*[name for name in {names} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{path}\n{program}\n{shown}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_public_names_are_these() -> None:
    assert understudy.__all__ == NAMES.split()
    assert all(getattr(understudy, name).__doc__ for name in understudy.__all__)
    assert set(understudy.__all__) <= set(dir(understudy))


def test_each_error_is_in_the_documented_tree() -> None:
    errors = {
        name
        for name in understudy.__all__
        if isinstance(getattr(understudy, name), type) and issubclass(getattr(understudy, name), Exception)
    }
    assert len(errors) == 10
    for name in errors:
        assert issubclass(getattr(understudy, name), ModelError)
        assert name in (understudy.__doc__ or "")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        understudy.train  # noqa: B018


def test_the_version_is_known() -> None:
    assert understudy.__version__


def test_importing_loads_nothing() -> None:
    assert loaded_after("import understudy", (*SERVERS, *LEARNS, "numpy", "onnxruntime", "msgspec")) == []


def test_a_router_loads_nothing_that_learns() -> None:
    assert loaded_after("from understudy import Router, per_text", (*SERVERS, *LEARNS)) == []


def test_a_fit_loads_no_client_of_a_server() -> None:
    assert loaded_after("from understudy import fit", SERVERS) == []
    assert "sklearn" in loaded_after("from understudy import fit", LEARNS)
