"""The public names of `models`, and the libraries that importing them must not load."""

import subprocess
import sys

import pytest

import models
from models.evaluate import evaluate
from models.fit import fit

SHOWN = """
Artifact EmbedderError Features FrontierPoint InvalidSpec Manifest ModelError Policy PolicyError Scores
TrainingError TrainingSet
"""


def loaded(statement: str, libraries: tuple[str, ...]) -> list[str]:
    """The libraries that a fresh process has loaded after the statement."""
    program = f"import sys; {statement}; print(*[name for name in {libraries} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ended.stdout.split()


def test_the_public_names_are_documented() -> None:
    assert models.__all__ == SHOWN.split()
    assert all(getattr(models, name).__doc__ for name in models.__all__)
    assert set(models.__all__) <= set(dir(models))
    assert evaluate.__doc__
    assert fit.__doc__


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        models.Nothing  # noqa: B018


@pytest.mark.parametrize("statement", ["from models import *", "import models.policy"])
def test_deciding_loads_nothing_that_learns(statement: str) -> None:
    assert loaded(statement, ("sklearn", "scipy", "lightgbm", "onnx", "skl2onnx", "onnxmltools")) == []


def test_models_alone_loads_no_library() -> None:
    assert loaded("import models, models.errors", ("numpy", "onnxruntime", "msgspec")) == []
