"""Windows of audio, any number of them, through the models of a package.

Always true here: what comes out for a window does not depend on how many there are, on its place among them, or, on the
CPU, on the number of threads. A model sees one shape only, and on the CPU one window at a time on one thread, so that
threads share out windows and never a window: onnxruntime splits `Elu` among its threads wherever it comes out, and
computes what is left over at each split with another rounding. It is also the fastest way: a window of 2.1 s through
the light codec's encoder takes 47 ms of processor time by itself, 50 in batches of 8, and 83 where two of onnxruntime's
own threads share it (63 in batches of 8).
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from rebounce.engine.devices import AUTO, Device, choose_device
from rebounce.engine.errors import UsageError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.onnx_runtime import CPU, default_threads
from rebounce.engine.onnx_session import Array, Port, Session, SessionSet

GPU_BATCH = 8
"""Windows at a time on a GPU, where one alone leaves most of it idle."""

MOST_THREADS = 16
"""A window takes tens of megabytes while it is worked on."""


class WindowSessions:
    """The models of a package on one device; `message` is the line to show if `auto` gave way.

    `at_once` is how many windows keep the device busy: more to a call cost memory and gain nothing.
    """

    def __init__(self, opened: SessionSet, batch: int, threads: int) -> None:
        """`opened` with `sizes={"batch": batch}`; `threads` work side by side, each on a batch of its own."""
        self.device = opened.device
        self.message = opened.message
        self.sessions = opened.sessions
        self._batch = batch
        self._threads = threads

    @property
    def at_once(self) -> int:
        return self._batch * self._threads

    def use_threads(self, threads: int | None) -> None:
        """Have so many from now on, None for one to each physical core; on a GPU there is always one."""
        if self.device == CPU:
            self._threads = thread_count(threads)

    def run(self, model: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Every output of a model by name; the first axis of all inputs and outputs is the windows."""
        session = self.sessions[model]
        (count,) = {len(array) for array in inputs.values()}
        batches = [
            {name: _filled(array[first : first + self._batch], self._batch) for name, array in inputs.items()}
            for first in range(0, count, self._batch)
        ]
        made = self._run_each(session, batches)
        return {port.name: _joined([part[port.name] for part in made], count, port) for port in session.outputs}

    def _run_each(self, session: Session, batches: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
        threads = min(self._threads, len(batches))
        if threads <= 1:
            return [session.run(batch) for batch in batches]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(session.run, batches))


def open_windows(
    package: ModelPackage, device: str | Device = AUTO, threads: int | None = None, batch: int = GPU_BATCH
) -> WindowSessions:
    """Every model of a package, all on one device; `threads` is for the CPU, `batch` for a GPU."""
    count = thread_count(threads)
    chosen = choose_device(device) if isinstance(device, str) else device
    message = chosen.message if isinstance(device, str) else None
    size = 1 if chosen.name == CPU else batch
    opened = package.open(chosen, 1, {"batch": size})
    if opened.device == CPU and size > 1:
        message, size = opened.message, 1
        opened = package.open(CPU, 1, {"batch": size})
    return WindowSessions(replace(opened, message=message), size, count if opened.device == CPU else 1)


def thread_count(threads: int | None) -> int:
    """So many, or for None one to each physical core; never more than `MOST_THREADS`."""
    if threads is not None and threads < 1:
        raise UsageError(f"threads = {threads}: expected at least 1, or None for one to each physical core")
    return min(threads or default_threads() or os.cpu_count() or 1, MOST_THREADS)


def _filled(windows: Array, batch: int) -> Array:
    """The windows, with windows of zeros after them up to `batch`."""
    missing = batch - len(windows)
    if not missing:
        return windows
    return np.concatenate([windows, np.zeros((missing, *windows.shape[1:]), dtype=windows.dtype)])


def _joined(parts: Sequence[Array], count: int, port: Port) -> Array:
    """The results of all batches without those of what filled up the last one."""
    if not parts:
        sizes = [size if isinstance(size, int) else 0 for size in port.shape[1:]]
        return np.zeros((0, *sizes), dtype=port.dtype)
    return parts[0][:count] if len(parts) == 1 else np.concatenate(parts)[:count]
