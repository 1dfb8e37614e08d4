"""What an exported network weighs and how long it takes in each precision, and in those of onnxruntime we do not write.

Random weights: size and speed do not depend on what was learnt. One window at a time, on one thread of the CPU.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from benchmarks.measure import Figure, ratio
from rebounce.engine.onnx_session import open_session
from rebounce.exporters.onnx_file import write_onnx
from rebounce.exporters.part import Part
from rebounce.exporters.precision import PRECISIONS
from rebounce.training.exportable.codec_parts import fold_weight_norm
from rebounce.training.exportable.token_unet import OUTPUTS, Restorer
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.light_codec import SIZES, LightCodec
from rebounce.training.networks.registry import make_network

SHAPE = TokenShape()
WINDOW_FRAMES = SHAPE.window_tokens * 320
REPEATS = 15
_HOME = TemporaryDirectory(prefix="precision-")  # which goes with the process

Inputs = Mapping[str, np.ndarray[Any, Any]]


class _Music(CalibrationDataReader):  # type: ignore[misc]
    """Windows to calibrate on, one at a time."""

    def __init__(self, windows: list[Inputs]) -> None:
        self._windows = iter(windows)

    def get_next(self) -> Inputs | None:
        return next(self._windows, None)


def figures() -> list[Callable[[], Figure]]:
    """Of each network: our precisions against float32, and onnxruntime's own int8."""
    ours = [lambda name=name, kind=kind: _ours(name, kind) for name in PARTS for kind in ("fp16", "int8")]
    theirs = [lambda name=name, kind=kind: _theirs(name, kind) for name in PARTS for kind in ("dynamic", "static")]
    return [*ours, *theirs]


def _unet() -> Part:
    torch.manual_seed(0)
    inputs = {"codes": torch.randint(0, 1024, (2, 16, 320)), "latents": torch.randn(2, 128, 320)}
    module = Restorer(make_network("token-unet", "small", SHAPE)).eval().requires_grad_(False)
    return Part(file="unet.onnx", module=module, inputs=inputs, outputs=OUTPUTS, tolerance=1e-4)


def _encoder() -> Part:
    torch.manual_seed(0)
    module = LightCodec(SIZES["light"]).encoder.eval().requires_grad_(False)
    fold_weight_norm(module)
    audio = {"audio": torch.randn(2, 2, WINDOW_FRAMES)}
    return Part(file="encoder.onnx", module=module, inputs=audio, outputs=("latents",), tolerance=1e-4)


PARTS: dict[str, Callable[[], Part]] = {"token U-Net, small": _unet, "encoder of the light codec": _encoder}


@cache
def _part(name: str) -> Part:
    return PARTS[name]()


@cache
def _file(name: str, kind: str) -> Path:
    """The network in a precision of ours, or quantised by onnxruntime."""
    folder = Path(_HOME.name) / name / kind
    folder.mkdir(parents=True)
    if kind in PRECISIONS:
        precision = PRECISIONS[kind]
        return write_onnx(precision.prepared(_part(name)), folder, precision.convert)
    source, target = folder / "float32.onnx", folder / "int8.onnx"
    model = onnx.load(_file(name, "fp32"))
    del model.graph.value_info[:]  # shapes that its shape inference takes amiss
    onnx.save(model, source)
    if kind == "dynamic":
        quantize_dynamic(source, target, op_types_to_quantize=["Conv"], weight_type=QuantType.QInt8)
        return target
    reader = _Music([_window(name, index) for index in range(2)])
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "quant_format": QuantFormat.QDQ}
    quantize_static(source, target, reader, op_types_to_quantize=["Conv"], per_channel=True, **kinds)
    return target


def _window(name: str, index: int = 0) -> Inputs:
    return {key: value[index : index + 1].numpy() for key, value in _part(name).inputs.items()}


def _compared(name: str, kind: str) -> tuple[float, dict[str, Any]]:
    """The time as a part of float32's, and what the files weigh."""
    files = [_file(name, each) for each in (kind, "fp32")]
    sessions = [open_session(path, "cpu", threads=1, sizes={"batch": 1}) for path in files]
    inputs = _window(name)
    share, detail = ratio(lambda: sessions[0].run(inputs), lambda: sessions[1].run(inputs), REPEATS)
    return share, {**detail, "megabytes": [round(path.stat().st_size / 1e6, 2) for path in files]}


def _ours(name: str, kind: str) -> Figure:
    share, detail = _compared(name, kind)
    sizes = detail["megabytes"]
    return Figure(
        name=f"{name}, {kind}: time of a window",
        ours=f"export --precision {kind}, {sizes[0]:g} MB, 1 thread",
        rival=f"fp32, {sizes[1]:g} MB",
        value=share,
        unit="x",
        target="at most 1.2x",
        is_reached=share <= 1.2,
        detail=detail,
    )


def _theirs(name: str, kind: str) -> Figure:
    share, detail = _compared(name, kind)
    return Figure(
        name=f"{name}, convolutions counted in int8, {kind}: time of a window",
        ours=f"onnxruntime.quantization, {kind}, 1 thread",
        rival="export --precision fp32",
        value=share,
        unit="x",
        target="none",
        is_reached=True,
        detail=detail,
    )


FIGURES = figures()
