"""ONNX Runtime reports nothing: no device ID and no queue of events appears on the user's disk."""

import os
import subprocess
import sys
from pathlib import Path

_SCORE = """
import models
from models.graph.session import single_threaded
from onnx import TensorProto, helper
value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", value[:1], value[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
print(single_threaded(model.SerializeToString()).run(None, {"x": [1.5]}))
"""


def score(home: Path) -> set[str]:
    """Run a graph in a process whose folders are fresh; the files that it has left there."""
    folders = {name: str(home / name) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    for folder in folders.values():
        Path(folder).mkdir()
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = {**inherited, **folders}
    done = subprocess.run([sys.executable, "-c", _SCORE], env=environment, check=True, capture_output=True)
    assert b"1.5" in done.stdout
    return {file.name for file in home.rglob("*") if file.is_file()}


def test_scoring_leaves_no_file_behind(tmp_path: Path) -> None:
    assert score(tmp_path) == set()
