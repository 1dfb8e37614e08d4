"""Whether a file holds the module's weights, number by number.

Numbers run through a network show an error in a weight only where the error is heard: not in one weight of a million,
nor in a convolution before a norm, nor under the rounding of int8. Here every weight that has kept its name is compared
itself.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir

from rebounce.engine.errors import ModelError
from rebounce.exporters.part import Part

_HALF_STEP = 0.501
"""Of a step between two int8 numbers: what rounding may do, and the rounding of the scale itself."""


def check_weights(part: Part, path: Path) -> int:
    """How many numbers of the module stand in the file under their names; a ModelError unless all are right.

    Exact in float32, the nearest in float16 and in int8. What the exporter turned or joined has lost its name and is
    left to `check_parity`.
    """
    graph = onnx_ir.load(path).graph
    unpacked = {node.outputs[0].name: node for node in graph if node.op_type == "DequantizeLinear"}
    checked = 0
    for name, tensor in part.module.state_dict().items():
        if name in unpacked:
            found, most_off = _from_int8(unpacked[name])
        elif name in graph.initializers:
            found, most_off = _as_stored(graph.initializers[name])
        else:
            continue
        _compare(part.file, name, (tensor.detach().numpy(), found), most_off)
        checked += tensor.numel()
    return checked


def _compare(file: str, name: str, pair: tuple[Any, Any], most_off: Any) -> None:
    expected, found = pair
    if found.shape != expected.shape:
        raise ModelError(f"{file}: {name}: expected {expected.shape}, found {found.shape}; export it again")
    is_off = ~(np.abs(found - expected) <= most_off)
    if is_off.any():
        place = tuple(int(index) for index in np.argwhere(is_off)[0])
        raise ModelError(
            f"{file}: {name}{list(place)}: expected {expected[place]:g} as in the checkpoint, found {found[place]:g}, "
            f"and {int(is_off.sum())} weights of this kind in all; the export changes the network: report the versions "
            "of torch and onnxruntime"
        )


def _as_stored(value: onnx_ir.Value) -> tuple[Any, Any]:
    assert value.const_value is not None, "an initialiser has a value"
    stored = value.const_value.numpy()
    if stored.dtype != np.float16:
        return stored, 0
    wide = stored.astype(np.float32)
    # Half a unit in the last of eleven places, and half of the least number there is.
    return wide, np.abs(wide) * 2**-11 + 2**-25


def _from_int8(node: onnx_ir.Node) -> tuple[Any, Any]:
    constants = [value.const_value for value in node.inputs if value is not None]
    numbers, scales = (constant.numpy() for constant in constants if constant is not None)
    axis = node.attributes["axis"].as_int()
    steps = scales.reshape([-1 if index == axis else 1 for index in range(numbers.ndim)])
    return numbers * steps, _HALF_STEP * steps
