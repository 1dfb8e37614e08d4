"""Run ONNX models: NumPy arrays in, NumPy arrays out, on the device it says.

Always true here: a session runs wholly on its `device`, as onnxruntime itself reports it; a strict device that cannot
be used is an error before the model is read; a model takes its weights from files beside it only, and is not loaded
onto a CPU whose memory its weights do not fit in; inputs are checked by name, type and shape, and never converted.

session = open_session(Path("unet.onnx"), device="auto", threads=4)
outputs = session.run({"tokens": tokens})

On CPU the output is bit-identical for any thread count where a model consists of convolutions, matrix products, means
and softmax; `Elu` rounds differently where threads split it, for which `window_sessions` has the cure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rebounce.engine.bound_run import BoundRun, is_fixed
from rebounce.engine.devices import AUTO, Device, choose_device
from rebounce.engine.errors import DeviceError, ModelError, UsageError
from rebounce.engine.free_memory import free_memory
from rebounce.engine.model_memory import check_memory, memory_need
from rebounce.engine.onnx_runtime import (
    CPU,
    default_threads,
    device_of,
    load_runtime,
    make_session,
    reason_of,
    runtime_errors,
)
from rebounce.engine.onnx_weights import check_places, read_weights

Array = npt.NDArray[Any]
Model = Path | bytes

_DTYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(uint8)": "uint8",
}
DTYPES = tuple(_DTYPES.values())
# What onnxruntime says: when a strict session would need the CPU, of an index beyond a table, of a model that is newer
# than itself, and when memory runs out.
_REFUSED = "assigned to the default CPU EP"
_OUT_OF_RANGE = "indices element out of data bounds"
_NEWER_OPSET = re.compile(r"Opset (?P<found>\d+) is under development.* is till opset (?P<known>\d+)")
_NEWER_IR = re.compile(r"Unsupported model IR version: (?P<found>\d+), max supported IR version: (?P<known>\d+)")
_UNKNOWN_OPERATOR = re.compile(r"No Op registered for (\S+)|error: (\S+?)\(.*is not a registered function/op")
_MEMORY = re.compile(r"Failed to allocate memory|std::bad_alloc|CUDA_ERROR_OUT_OF_MEMORY|out of memory")
_BUFFER = re.compile(r"buffer of size (\d+)")
_LESS_MEMORY = "close other programs, restore fewer files at a time (--jobs), or use a smaller model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One input or output of a model: a size that is text ("batch") may be any."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """True when an array of this shape can go through."""
        return len(shape) == len(self.shape) and all(
            isinstance(own, str) or own == size for own, size in zip(self.shape, shape, strict=True)
        )

    def describe(self) -> str:
        """Type and shape in words."""
        return f"{self.dtype} ({', '.join(str(size) for size in self.shape)})"


class Session:
    """One model on one device; `run` may be called from several threads."""

    def __init__(self, name: str, runtime_session: Any, message: str | None = None) -> None:
        self.name = name
        self.device = device_of(runtime_session)
        self.message = message
        self.inputs = tuple(_port(item) for item in runtime_session.get_inputs())
        self.outputs = tuple(_port(item) for item in runtime_session.get_outputs())
        self._session = runtime_session
        self._bound = self._bind() if self.device != CPU else None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Every output of the model by its name."""
        self._check_names(inputs)
        feeds = {port.name: self._checked(port, inputs[port.name]) for port in self.inputs}
        try:
            values = self._bound.run(feeds) if self._bound else self._session.run(None, feeds)
        except runtime_errors() as error:
            raise ModelError(_cannot_go_on(self.name, self.device, reason_of(error))) from error
        return {port.name: value for port, value in zip(self.outputs, values, strict=True)}

    def _bind(self) -> BoundRun | None:
        """Buffers on the device, where the model sees one shape only."""
        if not is_fixed((*self.inputs, *self.outputs)):
            return None
        return BoundRun(self._session, self.inputs, self.outputs, self.device)

    def _check_names(self, inputs: Mapping[str, Array]) -> None:
        known = [port.name for port in self.inputs]
        for name in inputs:
            if name not in known:
                close = get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise ModelError(f"{self.name}: expected the inputs {', '.join(known)}, found {name!r}{hint}")
        missing = [name for name in known if name not in inputs]
        if missing:
            raise ModelError(f"{self.name}: expected the inputs {', '.join(known)}, found no {', '.join(missing)}")

    def _checked(self, port: Port, array: Array) -> Array:
        if array.dtype == port.dtype and port.fits(array.shape):
            return np.ascontiguousarray(array) if array.ndim else array
        found = f"{array.dtype} ({', '.join(str(size) for size in array.shape)})"
        raise ModelError(f"{self.name}: expected input {port.name!r} as {port.describe()}, got {found}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSet:
    """Models that work together, all on one device; `message` is the line to show if `auto` gave way."""

    sessions: Mapping[str, Session]
    device: str
    message: str | None


def open_session(
    model: Model, device: str | Device = AUTO, threads: int | None = None, sizes: Mapping[str, int] | None = None
) -> Session:
    """Open one model, a file or its bytes; see `open_sessions`."""
    opened = open_sessions({_name_of(model): model}, device, threads, sizes)
    return next(iter(opened.sessions.values()))


def open_sessions(
    models: Mapping[str, Model],
    device: str | Device = AUTO,
    threads: int | None = None,
    sizes: Mapping[str, int] | None = None,
) -> SessionSet:
    """Open models by name, all on one device.

    `threads` is for the CPU; None takes the physical cores. `sizes` fixes sizes that the model leaves open
    (`{"batch": 8}`): CUDA then sees one shape, and the arithmetic on shapes, which onnxruntime would leave to the CPU
    and a strict session therefore refuses, is folded away.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads = {threads}: expected at least 1, or None for one to each physical core")
    chosen = choose_device(device) if isinstance(device, str) else device
    message = chosen.message if isinstance(device, str) else None  # a Device's own line was shown when it was chosen
    plan = _Plan(threads=default_threads() if threads is None else threads, sizes=sizes or {})
    name = chosen.name
    try:
        opened = plan.open_all(models, name)
    except DeviceError as error:
        if chosen.is_strict:
            raise
        name, message = CPU, f"{error} The CPU does the work."
        opened = plan.open_all(models, CPU)
    return SessionSet(
        sessions={key: Session(key, item, message) for key, item in opened.items()}, device=name, message=message
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How the models of one set are opened."""

    threads: int
    sizes: Mapping[str, int]

    def open_all(self, models: Mapping[str, Model], device: str) -> dict[str, Any]:
        weights = {name: read_weights(model, name) for name, model in models.items()}
        for name, model in models.items():
            check_places(model, name, weights[name])
        if device == CPU:  # a card has memory of its own, and says itself when that runs out
            check_memory(", ".join(models), memory_need(chain(*weights.values())), free_memory())
        return {name: self._open(name, model, device) for name, model in models.items()}

    def _open(self, name: str, model: Model, device: str) -> Any:
        try:
            session = make_session(model, device, self.threads, self.sizes)
        except runtime_errors() as error:
            if device != CPU:
                self._open(name, model, CPU)  # a model that is bad everywhere is a ModelError, not the device's fault
                raise DeviceError(_cannot_run(name, device, reason_of(error))) from error
            raise ModelError(_cannot_open(name, reason_of(error))) from error
        if device_of(session) != device:
            raise DeviceError(_cannot_run(name, device, f"onnxruntime put it on {device_of(session)}"))
        return session


def _cannot_run(name: str, device: str, reason: str) -> str:
    found = "parts that only the CPU can run" if _REFUSED in reason else reason
    return (
        f"{name}: expected {device} to run all of it, found {found}; "
        "use the package in fp32, or --device cpu; rebounce doctor tells whether CUDA itself works."
    )


def _cannot_go_on(name: str, device: str, reason: str) -> str:
    if _OUT_OF_RANGE in reason:
        return (
            f"{name}: expected numbers that the model has a row for, found one out of range ({reason}); "
            "tokens of another codec, or damaged ones, look like this"
        )
    if _MEMORY.search(reason):
        return f"{name}: expected memory to run in on {device}, found too little{_asked_for(reason)}; {_LESS_MEMORY}"
    return f"{name}: expected to run on {device}, found {reason}; try --device cpu, or fetch or export the model again"


def _cannot_open(name: str, reason: str) -> str:
    runtime = f"onnxruntime {load_runtime().__version__}"
    for pattern, what in ((_NEWER_OPSET, "opset"), (_NEWER_IR, "IR version")):
        if (newer := pattern.search(reason)) is not None:
            return (
                f"{name}: expected {what} {newer['known']} or older, the newest that {runtime} reads, found "
                f"{newer['found']}, a newer format; update onnxruntime or export the model for an older {what}"
            )
    if (operator := _UNKNOWN_OPERATOR.search(reason)) is not None:
        return (
            f"{name}: expected operators that {runtime} has, found {operator[1] or operator[2]}; "
            "update onnxruntime or export the model for an older opset"
        )
    if _MEMORY.search(reason):
        return f"{name}: expected memory to load it, found too little{_asked_for(reason)}; {_LESS_MEMORY}"
    return (
        f"{name}: expected an ONNX model, found that onnxruntime cannot load it: {reason}; "
        "the file is damaged or is not a model: fetch or export it again"
    )


def _asked_for(reason: str) -> str:
    size = _BUFFER.search(reason)
    return f" for {int(size[1]) / 1e6:.0f} MB more" if size else ""


def _name_of(model: Model) -> str:
    return "model" if isinstance(model, bytes) else model.name


def _port(item: Any) -> Port:
    sizes = tuple(size if isinstance(size, (int, str)) else "any" for size in item.shape)
    return Port(name=item.name, dtype=_DTYPES.get(item.type, item.type), shape=sizes)
