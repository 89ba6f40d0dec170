"""Builds an ONNX graph: nodes are added one by one and named in their order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 9


class Graph:
    """Collects nodes, constants, inputs and outputs, then checks and serialises them.

    Args:
        lazy: only some of the texts have vectors, whose number of rows is `m` then and not `n`.
    """

    def __init__(self, lazy: bool = False) -> None:
        self.vector_rows = "m" if lazy else "n"
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._opsets = {"": OPSET}
        self._kept: dict[str, str] = {}

    def once(self, purpose: str, write: Callable[[], str]) -> str:
        """The node for `purpose`: written at the first call, the same one afterwards."""
        if purpose not in self._kept:
            self.keep(purpose, write())
        return self._kept[purpose]

    def keep(self, purpose: str, name: str) -> None:
        """Remember the name of a node by its purpose."""
        self._kept[purpose] = name

    def kept_name(self, purpose: str) -> str:
        """The name of a node that `keep` has remembered. Raises KeyError."""
        return self._kept[purpose]

    def input(self, name: str, kind: int, shape: Sequence[str | int]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str, kind: int, value: str, rows: str = "n") -> None:
        """Name `value`, a vector with one entry for each of `rows`, as an output."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, [rows]))

    def constant(self, value: NDArray[Any], name: str = "") -> str:
        name = name or f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def number(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def double(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float64))

    def axes(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one output; the name of that output."""
        return self.split(operator, *inputs, outputs=1, **attributes)[0]

    def log(self, value: str) -> str:
        """Natural logarithm in double precision: in float32 it may depend on a row's place in its batch."""
        return self.add("Cast", self.add("Log", self.add("Cast", value, to=DOUBLE)), to=FLOAT)

    def split(self, operator: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Append a node with several outputs; the names of those."""
        names = [f"{operator.lower()}{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def inline(self, model: onnx.ModelProto, inputs: Mapping[str, str], output: str) -> str:
        """Append all nodes of another model.

        Args:
            model: made by a converter; its names get a prefix so that they don't collide.
            inputs: for each input of the model, the node of this graph that feeds it.
            output: the output of the model to use.

        Returns:
            The name of that output in this graph.
        """
        prefix = f"inlined{len(self._nodes)}_"
        named = dict(inputs)

        def rename(name: str) -> str:
            return named.setdefault(name, prefix + name) if name else name

        for constant in model.graph.initializer:
            self.constant(numpy_helper.to_array(constant), rename(constant.name))
        for node in model.graph.node:
            copied = onnx.NodeProto()
            copied.CopyFrom(node)
            copied.name = ""
            copied.input[:] = [rename(name) for name in node.input]
            copied.output[:] = [rename(name) for name in node.output]
            self._nodes.append(copied)
        self._opsets |= {item.domain: item.version for item in model.opset_import if item.domain}
        return rename(output)

    def serialise(self) -> bytes:
        graph = helper.make_graph(self._nodes, "policy", self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in self._opsets.items()]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="understudy"
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
UINT8, INT32, INT64 = TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64
