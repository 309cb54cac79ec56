"""Builds ONNX graphs node by node."""

from __future__ import annotations

from typing import Any, Sequence

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class OnnxGraph:
    """Nodes and constants. A value is the name of a node's output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._constants: dict[tuple, str] = {}
        self._count = 0

    def name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def weight(self, value: numpy.ndarray, name: str = "weight") -> str:
        name = self.name(name)
        self.initializers.append(numpy_helper.from_array(numpy.array(value, order="C"), name))
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """A small constant; equal ones are stored once. Floats are float32, integers int64."""
        array = numpy.asarray(value)
        if dtype is None:
            dtype = numpy.int64 if array.dtype.kind in "iu" else numpy.float32
        array = array.astype(dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.weight(array, "constant")
        return self._constants[key]

    def __call__(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Adds a node. Inputs that are no names become constants; None is an absent input."""
        names = [
            "" if x is None else x if isinstance(x, str) else self.constant(x) for x in inputs
        ]
        results = [self.name(op.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, names, results, name=results[0], **attributes))
        return results[0] if outputs == 1 else results

    def cast(self, x: str, dtype: str) -> str:
        return self("Cast", x, to=getattr(TensorProto, dtype))

    def size(self, x: str, axis: int) -> str:
        """The length of an axis, [1] int64."""
        return self("Gather", self("Shape", x), [axis])

    def columns(self, x: str, first: int, last: int) -> str:
        return self("Slice", x, [first], [last], [1])

    def rows_where(self, condition: str) -> str:
        """Indices [N] where condition [M] is true."""
        return self("Squeeze", self("NonZero", condition), [0])

    def model(self, inputs: Sequence[Any], outputs: dict[str, Any], about: dict[str, str]) -> Any:
        """The checked model. outputs: value and (type, shape) by the name that users see."""
        infos = []
        for name, (value, dtype, shape) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
            infos.append(helper.make_tensor_value_info(name, dtype, shape))
        graph = helper.make_graph(self.nodes, "lanner", inputs, infos, self.initializers)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="lanner"
        )
        model.ir_version = 8
        helper.set_model_props(model, about)
        onnx.checker.check_model(model, full_check=True)
        return model
