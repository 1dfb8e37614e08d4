"""The precisions of a package: what each does to a part, and how far its file may then be from the module.

Measured on the light codec and on the `light` and `small` token U-Nets, one thread of an x86 with AVX-512 and VNNI:
docs/models.md has the table. What goes in and out of a file is float32 in every precision.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir
import torch
from torch import Tensor

from rebounce.engine.errors import UsageError
from rebounce.exporters.part import Part

_LEAST_WEIGHTS = 512
"""A smaller tensor stays as it is: as int8 it would save less than its scales and the node cost."""

_CHANNEL_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1, "LSTM": 1}
"""Along which axis a weight has its output channels, by what uses it; Gemm says so itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How a part becomes what is written: first the module, then the graph.

    `tolerance` is the least that parity allows, and `golden_tolerance` what golden arrays allow on other devices.
    """

    prepared: Callable[[Part], Part]
    convert: Callable[[onnx_ir.Model], None]
    tolerance: float
    golden_tolerance: float


def _as_it_is(part: Part) -> Part:
    return part


def _leave(model: onnx_ir.Model) -> None:
    """Nothing to be done to the graph."""


def halved(part: Part) -> Part:
    """The part with a copy of its module in float16, float32 at both ends.

    ONNX Runtime's own converter (onnxruntime.transformers.float16) is not used: where two nodes that must stay in
    float32 read one value, it writes two casts of one name, a file that cannot be loaded. And in torch the networks
    themselves say what they count in float32.
    """
    module = copy.deepcopy(part.module).half()
    module.register_forward_pre_hook(lambda _, inputs: tuple(_cast(value, torch.float16) for value in inputs))
    module.register_forward_hook(lambda _, inputs, made: _all_cast(made, torch.float32))
    return replace(part, module=module)


def quantise_weights(model: onnx_ir.Model) -> None:
    """Weights become int8 with a scale for each output channel; what is counted with them stays float32.

    onnxruntime keeps them as int8 and unpacks them where they are used: a quarter of the file and a third of the
    memory, for a tenth more time in the `small` U-Net at four windows a run (measured), and none in a small network.
    """
    graph = model.graph
    for value in list(graph.initializers.values()):
        axis = _channel_axis(value)
        weights = value.const_value
        if axis is None or weights is None or weights.size < _LEAST_WEIGHTS or weights.dtype != onnx_ir.DataType.FLOAT:
            continue
        _replace_weight(graph, value, *int8_of(weights.numpy(), axis), axis)


def int8_of(weights: Any, axis: int) -> tuple[Any, Any]:
    """The nearest int8 numbers, and the scale of each channel along `axis`."""
    others = tuple(index for index in range(weights.ndim) if index != axis % weights.ndim)
    peaks = np.abs(weights).max(axis=others)
    # Weights whose step float32 cannot hold in full, below 1e-36, are as good as zero.
    scales = np.where(peaks / 127 >= np.finfo(np.float32).tiny, peaks / 127, 1).astype(np.float32)
    shape = [-1 if index == axis % weights.ndim else 1 for index in range(weights.ndim)]
    return np.rint(weights / scales.reshape(shape)).astype(np.int8), scales


def _replace_weight(graph: Any, value: onnx_ir.Value, numbers: Any, scales: Any, axis: int) -> None:
    """Two weights and a node that makes the old one of them; that keeps its name."""
    name = value.name
    parts = [
        graph.register_initializer(_constant(f"{name}.{what}", array)) or graph.initializers[f"{name}.{what}"]
        for what, array in (("int8", numbers), ("scale", scales))
    ]
    del graph.initializers[name]
    node = onnx_ir.node("DequantizeLinear", parts, {"axis": axis % numbers.ndim}, outputs=[value])
    graph.insert_before(graph[0], node)


def _constant(name: str, array: Any) -> onnx_ir.Value:
    tensor = onnx_ir.tensor(array, name=name)
    kind, shape = onnx_ir.TensorType(tensor.dtype), onnx_ir.Shape(array.shape)
    return onnx_ir.Value(name=name, const_value=tensor, type=kind, shape=shape)


def _channel_axis(value: onnx_ir.Value) -> int | None:
    """The axis when everything that uses the value is the same kind of weighing; None where it stays as it is."""
    axes = {_axis_in(use.node, use.idx) for use in value.uses()}
    return axes.pop() if len(axes) == 1 else None


def _axis_in(node: onnx_ir.Node, index: int) -> int | None:
    if index == 0 or (node.op_type == "LSTM" and index > 2):
        return None
    if node.op_type == "Gemm" and index == 1:
        is_turned = node.attributes.get("transB")
        return 0 if is_turned is not None and is_turned.as_int() else 1
    return _CHANNEL_AXES.get(node.op_type) if index == 1 or node.op_type == "LSTM" else None


def _cast(value: Tensor, to: torch.dtype) -> Tensor:
    return value.to(to) if value.is_floating_point() else value


def _all_cast(made: Any, to: torch.dtype) -> Any:
    return tuple(_cast(value, to) for value in made) if isinstance(made, tuple) else _cast(made, to)


PRECISIONS = {
    "fp32": Precision(prepared=_as_it_is, convert=_leave, tolerance=0.0, golden_tolerance=1e-3),
    # Eleven bits are 2.4e-4 of each number; 4e-3 of the output's level is the most measured.
    "fp16": Precision(prepared=halved, convert=_leave, tolerance=2e-2, golden_tolerance=2e-2),
    # Half of the 127th part of a channel's largest weight; 8e-2 of the output's level is the most measured, and 0.2 in
    # a network of a few channels.
    "int8": Precision(prepared=_as_it_is, convert=quantise_weights, tolerance=3e-1, golden_tolerance=1e-3),
}


def precision_named(name: str) -> Precision:
    """A precision, or an error that lists them."""
    if name not in PRECISIONS:
        raise UsageError(f"--precision {name}: expected {', '.join(PRECISIONS)}")
    return PRECISIONS[name]
