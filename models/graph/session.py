"""ONNX Runtime as this project uses it: one thread a session, on the CPU, and errors that can be named."""

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

FAILURES = (
    failures.EPFail,
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
)
"""What opening or running a graph may raise."""


def single_threaded(graph: bytes | str) -> onnxruntime.InferenceSession:
    """A session for a graph, or for the file that holds it; raises one of `FAILURES`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
