"""The one door to onnxruntime: a quiet import, and sessions with every setting named.

Always true here: importing this module does not import onnxruntime; a session runs wholly on one device, CPU or one
CUDA card, or it is not made; onnxruntime itself writes nothing to the terminal: every fault comes back as an exception.

The CUDA path is written after onnxruntime's documentation and has not been run on a GPU.
"""

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.errors import DeviceError

CPU = "cpu"
CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
# With CUDA alone in the list this makes onnxruntime refuse what CUDA cannot run. Without it a session that asked for
# CUDA opens on the CPU with nothing but a line on stderr; with the CPU listed as well the two settings conflict.
STRICT = ("session.disable_cpu_ep_fallback", "1")

_SILENT = 4  # only what is fatal; errors are raised as well as logged
_USUAL_SEVERITY = 2
_LOG_LINE = re.compile(rb"onnxruntime:|^\x1b\[m$")
_CAUSE = re.compile(r"\[E:onnxruntime.*(?:with error: |: FAIL : )(.+?)(?:\x1b\[m)?$")
_CODES = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"

# y = Conv(x, w), x (1, 1, 8), w (1, 1, 3), float32, opset 17, IR 8: a convolution, because that is what needs cuDNN.
# Made with onnx.helper and kept as bytes, because restoring does without the onnx package; a test makes it again.
PROBE_MODEL = bytes.fromhex(
    "08083a630a0f0a01780a01771201792204436f6e76120570726f62655a170a017812120a100801120c0a0208010a0208010a0208085a170a0177"
    "12120a100801120c0a0208010a0208010a02080362170a017912120a100801120c0a0208010a0208010a02080642040a001011"
)


def load_runtime() -> Any:
    """The onnxruntime module, imported without its log lines.

    Where a graphics card is not on the PCI bus (WSL, containers, a Raspberry Pi) importing it logs "GPU device
    discovery failed", and no setting reaches it that early (microsoft/onnxruntime#26763, #27092).
    """
    if "onnxruntime" in sys.modules:
        return importlib.import_module("onnxruntime")
    try:
        with captured_log():
            return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise DeviceError(
            f"onnxruntime: expected it to be installed and to load, found {error}; "
            "install rebounce again (on Windows the Visual C++ Redistributable too), then run rebounce doctor"
        ) from error


@contextlib.contextmanager
def captured_log() -> Iterator[list[str]]:
    """Take onnxruntime's log lines off the process's stderr into a list; what else was written arrives afterwards.

    The list is filled at the end. This bends file descriptor 2, so it is for short moments at the start only.
    """
    log: list[str] = []
    try:
        real = os.dup(2)
    except OSError:  # a windowed Python has no stderr to keep clean
        yield log
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield log
        finally:
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            lines = held.readlines()
            log.extend(line.decode(errors="replace").strip() for line in lines if _LOG_LINE.search(line))
            with contextlib.suppress(OSError):  # a stderr that was closed meanwhile is no reason to fail
                os.write(2, b"".join(line for line in lines if not _LOG_LINE.search(line)))


@contextlib.contextmanager
def _quiet_runtime(runtime: Any) -> Iterator[None]:
    """Silence the log that belongs to no session: it is where a CUDA library that is missing would be announced."""
    runtime.set_default_logger_severity(_SILENT)
    try:
        yield
    finally:
        runtime.set_default_logger_severity(_USUAL_SEVERITY)


def runtime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; its own classes share no base but Exception."""
    load_runtime()
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = [item for item in vars(state).values() if isinstance(item, type) and issubclass(item, Exception)]
    return (*own, RuntimeError, ValueError)


def reason_of(error: BaseException) -> str:
    """An onnxruntime error in one line, without its codes."""
    return " ".join(_CODES.sub("", str(error)).split()).rstrip(".") or type(error).__name__


def make_session(model: Path | bytes, device: str, threads: int, sizes: Mapping[str, int]) -> Any:
    """An onnxruntime session for `model`, wholly on `device` ("cpu", "cuda:0"); raises what onnxruntime raises."""
    runtime = load_runtime()
    with _quiet_runtime(runtime):
        return _session(runtime, model, device, threads, sizes)


def _session(runtime: Any, model: Path | bytes, device: str, threads: int, sizes: Mapping[str, int]) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = _SILENT
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    providers: list[Any] = [CPU_PROVIDER]
    if device != CPU:
        options.add_session_config_entry(*STRICT)
        providers = [_cuda_provider(runtime, device)]
    source = model if isinstance(model, bytes) else os.fspath(model)
    # enable_fallback=0: otherwise a failing run prints "EP Error" and moves the session to the CPU by itself.
    return runtime.InferenceSession(source, options, providers=providers, enable_fallback=0)


def _cuda_provider(runtime: Any, device: str) -> tuple[str, dict[str, str]]:
    if CUDA_PROVIDER not in runtime.get_available_providers():  # it would only warn, and take the CPU
        raise DeviceError(
            f"{device}: expected an onnxruntime with CUDA, found {runtime.__version__} built without; "
            "use --device cpu, and see rebounce doctor for what to install"
        )
    return CUDA_PROVIDER, {
        "device_id": device.partition(":")[2],
        "use_tf32": "0",  # ten bits of mantissa would be audible in a waveform
        "cudnn_conv_algo_search": "HEURISTIC",  # an exhaustive search costs 0.6 s for each new shape
        "arena_extend_strategy": "kSameAsRequested",  # the windows are of one size, so nothing is gained by doubling
    }


def device_of(session: Any) -> str:
    """Where a session really runs, as onnxruntime tells it."""
    if session.get_providers()[0] != CUDA_PROVIDER:
        return CPU
    return f"cuda:{session.get_provider_options()[CUDA_PROVIDER]['device_id']}"


def probe(device: str) -> str | None:
    """Run the tiny model on `device`: None when its numbers are right, else what happened.

    Why the CUDA provider could not be loaded stands only in onnxruntime's log, never in the error it raises.
    """
    with captured_log() as log:
        trouble = _run_probe(load_runtime(), device)
    causes = [match[1] for line in log if (match := _CAUSE.search(line))]
    return None if trouble is None else (causes or [trouble])[0]


def _run_probe(runtime: Any, device: str) -> str | None:
    signal, weights = np.arange(8, dtype=np.float32), np.array([1, -2, 4], dtype=np.float32)
    try:
        session = _session(runtime, PROBE_MODEL, device, 1, {})
        found = session.run(None, {"x": signal[None, None], "w": weights[None, None]})[0][0, 0]
    except runtime_errors() as error:
        return reason_of(error)
    if device_of(session) != device:
        return f"asked for {device}, it ran on {device_of(session)}"
    expected = np.correlate(signal, weights, mode="valid")
    return None if np.array_equal(found, expected) else f"a convolution gave {found}, expected {expected}"


@dataclass(slots=True)
class _Process:
    """How many processes like this one work side by side."""

    count: int = 1


_PROCESS = _Process()


def share_cores(processes: int) -> None:
    """Let this process have its part of the machine only, being one of so many that work side by side."""
    _PROCESS.count = processes


def default_threads() -> int:
    """Physical cores this process may use; 0 leaves the count to onnxruntime where only it knows (Windows, macOS).

    Left to itself on Linux, onnxruntime pins threads to cores and heeds neither `taskset` nor a container's quota.
    """
    if sys.platform != "linux":
        return 0 if _PROCESS.count == 1 else max(1, (os.cpu_count() or 1) // _PROCESS.count)
    allowed = os.sched_getaffinity(0)
    cores = {_siblings(cpu) for cpu in allowed}
    return max(1, min(len(cores), _quota() or len(cores)) // _PROCESS.count)


def _siblings(cpu: int) -> str:
    try:
        return Path(_SIBLINGS.format(cpu)).read_text(encoding="ascii").strip()
    except OSError:  # not shown in some containers: then each counts as a core
        return str(cpu)


def _quota(path: Path = _CGROUP_QUOTA) -> int | None:
    """Whole cores a container may use ("200000 100000" is 2); None without a limit."""
    try:
        limit, period = path.read_text(encoding="ascii").split()
    except (OSError, ValueError):  # no version 2 control groups here
        return None
    return None if limit == "max" else max(1, int(limit) // int(period))
