"""A torch module written as an ONNX file: open batch, everything else fixed.

Always true here: the file is of `OPSET` and `IR_VERSION` and passes ONNX's own checker; weights keep the names that
they have in the module; nothing in it tells of the machine it was made on, so that equal modules give equal bytes;
what lies outside the file (shared weights, and everything over `LARGEST_FILE_BYTES`) lies beside it.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass

from rebounce.engine.errors import ModelError
from rebounce.exporters.part import Part

OPSET, IR_VERSION = 18, 8
"""The pair of one release, ONNX 1.13 of December 2022: read by onnxruntime 1.14 and newer, and so by every one that
rebounce runs on (1.21). It is the oldest opset that torch's exporter makes without converting; nothing that networks
here use is missing from it."""

LARGEST_FILE_BYTES = 1 << 30
"""Weights beyond this lie in a file of their own: a protobuf message holds less than 2 GiB."""

_BATCH = "batch"


def write_onnx(part: Part, folder: Path, convert: Callable[[onnx_ir.Model], None] | None = None) -> Path:
    """Write the part's file into `folder`, and beside it what does not belong inside; returns its path.

    `convert` changes the graph before it is written.
    """
    model = _traced(part)
    ClearMetadataAndDocStringPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
    if convert is not None:
        convert(model)
    model.ir_version = IR_VERSION
    for name, tensor in part.shared.items():
        _move_out(model, name, _write_shared(folder / f"{name}.bin", tensor))
    path = folder / part.file
    if _weight_bytes(model) > LARGEST_FILE_BYTES:
        onnx_ir.save(model, path, external_data=f"{part.file}.data")
    else:
        onnx_ir.save(model, path)
    check_file(path)
    return path


def check_file(path: Path) -> None:
    """Raise a ModelError unless ONNX's checker passes a file of ours; by path, as it may be too large for memory."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(
            f"{path.name}: expected a file that onnx.checker passes, found that {error}; "
            "the network uses something that this version of torch does not export: write it another way"
        ) from error


def _traced(part: Part) -> onnx_ir.Model:
    """The module's graph, with the shared weights among its inputs: as such nothing is computed from them ahead."""
    given = {**part.inputs, **part.shared}
    open_batch = torch.export.Dim(_BATCH)
    shapes = tuple({0: open_batch} if name in part.inputs else None for name in given)
    try:
        with _quietly():
            program = torch.onnx.export(
                part.module,
                tuple(given.values()),
                input_names=list(given),
                output_names=list(part.outputs),
                dynamic_shapes=shapes,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ModelError(
            f"{part.file}: expected a network that torch can write as ONNX, found that it cannot: {reason}; "
            "write the network without what the message names"
        ) from error
    assert program is not None, "torch gives a program where it writes no file"
    return program.model


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch's exporter says of packages that are not there and of its own age."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _write_shared(path: Path, tensor: torch.Tensor) -> onnx_ir.ExternalTensor:
    """The file of a shared weight, which the first part that has it writes."""
    values = tensor.detach().contiguous().numpy()
    content = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    if not path.exists():
        path.write_bytes(content)
    assert path.read_bytes() == content, "parts that share a weight have the same one"
    return onnx_ir.ExternalTensor(
        path.name,
        offset=0,
        length=len(content),
        dtype=onnx_ir.DataType.from_numpy(values.dtype),
        shape=onnx_ir.Shape(values.shape),
        name=path.stem,
        base_dir=path.parent,
    )


def _move_out(model: onnx_ir.Model, name: str, tensor: onnx_ir.ExternalTensor) -> None:
    """Turn an input into a weight that lies in another file."""
    (value,) = [item for item in model.graph.inputs if item.name == name]
    model.graph.inputs.remove(value)
    value.const_value = tensor
    model.graph.register_initializer(value)


def _weight_bytes(model: Any) -> int:
    weights = (value.const_value for value in model.graph.initializers.values())
    return sum(0 if isinstance(weight, onnx_ir.ExternalTensor) else weight.nbytes for weight in weights)
