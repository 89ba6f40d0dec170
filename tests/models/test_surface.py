"""What `models` shows to a notebook, and that showing it loads nothing that learns."""

import subprocess
import sys

import models
from models.evaluate import evaluate
from models.fit import fit

SHOWN = """
Artifact EmbedderError Features FrontierPoint InvalidSpec Manifest ModelError Policy PolicyError Scores
TrainingError TrainingSet
"""


def test_the_public_names_are_these_and_all_there() -> None:
    assert models.__all__ == SHOWN.split()
    assert all(getattr(models, name).__doc__ for name in models.__all__)
    assert evaluate.__doc__
    assert fit.__doc__


def test_they_load_nothing_that_learns() -> None:
    heavy = ("sklearn", "scipy", "lightgbm", "onnx", "skl2onnx")
    program = f"import sys, models; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
