"""A session whose inputs and outputs stay in buffers on its device, made once for the one shape it sees.

Without them onnxruntime takes memory on the card for every run and gives it back. Meant for CUDA, and written after
onnxruntime's documentation: on the CPU, where it gains nothing, it is tested; on a GPU it has not been run.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rebounce.engine.onnx_runtime import load_runtime


class FixedPort(Protocol):
    """An input or output of a model."""

    @property
    def name(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int | str, ...]: ...


class BoundRun:
    """Runs of one session, one after another, in whichever threads they are asked for."""

    def __init__(
        self, runtime_session: Any, inputs: Sequence[FixedPort], outputs: Sequence[FixedPort], device: str
    ) -> None:
        """`device` is "cuda:0" or "cpu"; every size of every port is a number."""
        self._session = runtime_session
        self._binding = runtime_session.io_binding()
        self._inputs = {port.name: _buffer(port, device) for port in inputs}
        self._outputs = {port.name: _buffer(port, device) for port in outputs}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """The outputs in their order, as arrays of the caller's own."""
        with self._lock:
            for name, value in self._inputs.items():
                value.update_inplace(feeds[name])
            self._session.run_with_iobinding(self._binding)
            return [np.array(value.numpy()) for value in self._outputs.values()]


def is_fixed(ports: Sequence[FixedPort]) -> bool:
    """True when no port leaves a size open."""
    return all(isinstance(size, int) for port in ports for size in port.shape)


def _buffer(port: FixedPort, device: str) -> Any:
    kind, _, index = device.partition(":")
    runtime = load_runtime()
    return runtime.OrtValue.ortvalue_from_shape_and_type(list(port.shape), np.dtype(port.dtype), kind, int(index or 0))
