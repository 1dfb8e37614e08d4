"""What stands between this machine and CUDA: the driver, the cards, the libraries, and a tiny model that really ran.

Always true here: nothing is assumed to work because it is listed (onnxruntime lists CUDA whenever it was compiled in);
only a model that ran on the card and gave right numbers counts. Gathering facts and judging them are kept apart.

Asking the driver starts it in this process, so a process that forks afterwards cannot use CUDA in the child: start
workers with "spawn". This module has not been run on a GPU.
"""

import contextlib
import ctypes
import importlib.metadata
import io
import platform
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebounce.engine.onnx_runtime import CUDA_PROVIDER, load_runtime, probe

# Each of these brings the module `onnxruntime`; two of them overwrite each other's files.
RUNTIME_WHEELS = (
    "onnxruntime",
    "onnxruntime-directml",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-rocm",
    "onnxruntime-training",
)
INSTALL_CUDA = 'pip install "rebounce[cuda]"'
_UPDATE = 'update the NVIDIA driver, pip install --upgrade "rebounce[cuda]"'
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_KERNEL_DRIVER = Path("/proc/driver/nvidia/version")
_MISSING = re.compile(r"^Failed to load (?:.*[/\\])?([^/\\:]+): ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """The NVIDIA driver as it answers: the CUDA version it handles, its cards, or what is wrong with it."""

    cuda_version: tuple[int, int] | None = None
    cards: tuple[str, ...] = ()
    fault: str | None = None
    is_installed: bool = True

    @property
    def is_worth_a_line(self) -> bool:
        """True where a user has reason to expect a GPU: a card, or a driver that is there and broken."""
        return bool(self.cards) or (self.is_installed and self.fault is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One reason why CUDA does not work, and what to do about it."""

    what: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaFacts:
    """Everything found on the way to a card; `trouble` is what the tiny model met, None if it ran or was not tried."""

    runtime: str
    is_built_in: bool
    needs_cuda: int | None
    driver: Driver
    index: int
    missing: tuple[str, ...]
    was_tried: bool
    trouble: str | None
    has_wheels: bool
    wheels: tuple[str, ...]

    @property
    def works(self) -> bool:
        return self.was_tried and self.trouble is None

    def faults(self) -> list[Fault]:
        """Every reason found, the deepest first; empty when CUDA works."""
        if self.works:
            return []
        found = [self._build_fault(), self._driver_fault(), self._version_fault(), self._library_fault()]
        known = [fault for fault in found if fault is not None]
        return known or [Fault(what=f"a tiny model failed on cuda:{self.index}: {self.trouble}", advice=_UPDATE)]

    def _build_fault(self) -> Fault | None:
        if self.is_built_in:
            return None
        what = f"{self.runtime} was built without CUDA"
        if not self.has_wheels:
            return Fault(what=what, advice=f"none is published for {sys.platform} on {platform.machine()}")
        first = f"pip uninstall -y {' '.join(self.wheels)}, then " if self.wheels else ""
        return Fault(what=what, advice=first + INSTALL_CUDA)

    def _driver_fault(self) -> Fault | None:
        if self.driver.fault is not None:
            return Fault(what=self.driver.fault, advice="install or repair the NVIDIA driver")
        if self.index < len(self.driver.cards):
            return None
        seen = ", ".join(f"cuda:{i} {card}" for i, card in enumerate(self.driver.cards)) or "no card at all"
        return Fault(
            what=f"there is no cuda:{self.index}, the NVIDIA driver sees {seen}",
            advice="check nvidia-smi and CUDA_VISIBLE_DEVICES",
        )

    def _version_fault(self) -> Fault | None:
        has = self.driver.cuda_version
        if has is None or self.needs_cuda is None or has[0] >= self.needs_cuda:
            return None
        what = f"the NVIDIA driver handles CUDA {has[0]}.{has[1]}, {self.runtime} needs CUDA {self.needs_cuda}"
        return Fault(what=what, advice="update the NVIDIA driver")

    def _library_fault(self) -> Fault | None:
        if not self.missing:
            return None
        return Fault(what="missing library " + ", ".join(self.missing), advice=INSTALL_CUDA)


def look_for_cuda(index: int, driver: Driver) -> CudaFacts:
    """Go all the way to card `index`, or as far as it goes."""
    runtime = load_runtime()
    is_built_in = CUDA_PROVIDER in runtime.get_available_providers()
    missing = preload_libraries(runtime) if is_built_in else ()
    was_tried = is_built_in and index < len(driver.cards)
    return CudaFacts(
        runtime=f"{getattr(runtime, 'package_name', 'onnxruntime')} {runtime.__version__}",
        is_built_in=is_built_in,
        needs_cuda=_major(str(getattr(runtime, "cuda_version", ""))),
        driver=driver,
        index=index,
        missing=missing,
        was_tried=was_tried,
        trouble=probe(f"cuda:{index}") if was_tried else None,
        has_wheels=(sys.platform, platform.machine().lower()) in {("linux", "x86_64"), ("win32", "amd64")},
        wheels=installed_wheels(),
    )


def installed_wheels() -> tuple[str, ...]:
    """Which wheels with an onnxruntime in them are installed; more than one is a conflict."""
    names = {str(item.metadata["Name"]).lower().replace("_", "-") for item in importlib.metadata.distributions()}
    return tuple(wheel for wheel in RUNTIME_WHEELS if wheel in names)


def preload_libraries(runtime: Any) -> tuple[str, ...]:
    """Load the CUDA libraries that pip installed, so that onnxruntime finds them; the names of those not found.

    onnxruntime keeps the list, which changes with every CUDA version, and prints what it misses on stdout.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(_ThisThread(said, sys.stdout)):
        runtime.preload_dlls()
    return tuple(_MISSING.findall(said.getvalue()))


class _ThisThread(io.TextIOBase):
    """Takes what one thread prints; what other threads print meanwhile goes where it belongs."""

    def __init__(self, mine: io.StringIO, others: Any) -> None:
        self._mine, self._others, self._thread = mine, others, threading.get_ident()

    def write(self, text: str) -> int:
        """Keep `text`, or pass it on."""
        target = self._mine if threading.get_ident() == self._thread else self._others
        return len(text) if target is None else int(target.write(text))

    def flush(self) -> None:
        """Nothing is held back here."""


def read_driver(library: str | None = None) -> Driver:
    """Ask the NVIDIA driver itself; nvidia-smi may be absent where the driver works, and present where it does not."""
    name = library or ("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    try:
        cuda = ctypes.CDLL(name)
        return _ask(cuda, name)
    except (OSError, AttributeError) as error:
        if _KERNEL_DRIVER.exists():
            fault = f"the NVIDIA driver is loaded but {name} is not within reach (a container needs --gpus all)"
            return Driver(fault=fault)
        return Driver(fault=f"no NVIDIA driver was found ({error})", is_installed=False)


def _ask(cuda: Any, name: str) -> Driver:
    code = int(cuda.cuInit(0))
    if code == _NO_DEVICE:
        return Driver()
    if code != 0:
        return Driver(fault=f"{name} is installed but does not start: {_meaning(cuda, code)}")
    version, count = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetCount(ctypes.byref(count))
    cards = tuple(_card(cuda, index) for index in range(count.value))
    return Driver(cuda_version=(version.value // 1000, version.value % 1000 // 10), cards=cards)


def _card(cuda: Any, index: int) -> str:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    code = int(cuda.cuDeviceGet(ctypes.byref(device), index)) or int(cuda.cuDeviceGetName(name, len(name), device))
    return name.value.decode(errors="replace") if code == 0 else "a card without a name"


def _meaning(cuda: Any, code: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(text))
    return f"error {code}" + (f", {text.value.decode(errors='replace')}" if text.value else "")


def _major(version: str) -> int | None:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else None
