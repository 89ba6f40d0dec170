"""ONNX Runtime sessions: one thread each, on the CPU, with the errors that they raise."""

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
"""Errors that opening or running a graph may raise."""


def single_threaded(graph: bytes | str) -> onnxruntime.InferenceSession:
    """A session for a graph, or for the path of its file. Raises one of `FAILURES`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
