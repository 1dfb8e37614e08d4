"""The one runner: two commands in turn, again and again, and the ratio of their medians.

The machine is noisy, so the two sides alternate within one run, and only their ratio is compared with a target.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distributions, version
from typing import Any

PACKAGES = ("numpy", "scipy", "soundfile", "pedalboard", "torch", "encodec", "noisereduce", "librosa", "rebounce")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure: what was compared with what, what came out, and what was to be reached."""

    name: str
    ours: str
    rival: str
    value: float
    unit: str
    target: str
    is_reached: bool
    detail: dict[str, Any]


def times_s(call: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each call, after one to warm up."""
    call()
    return [_time_s(call) for _ in range(repeats)]


def ratio(ours: Callable[[], object], rival: Callable[[], object], repeats: int) -> tuple[float, dict[str, Any]]:
    """The median of ours over the median of the rival, measured in turns, with the spread of both."""
    ours()
    rival()
    pairs = [(_time_s(ours), _time_s(rival)) for _ in range(repeats)]
    our_times, rival_times = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    detail = {"ours_s": spread(our_times), "rival_s": spread(rival_times), "repeats": repeats}
    return statistics.median(our_times) / statistics.median(rival_times), detail


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


# A process counts the memory of the one it was forked from as its own, so a small one stands in between.
_MEASURE_MEMORY = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory_mib(*command: str) -> float:
    """The most memory a command held at a time; Linux counts it in KiB, macOS in bytes."""
    call = [sys.executable, "-S", "-c", _MEASURE_MEMORY, *command]
    run = subprocess.run(call, check=True, capture_output=True, text=True)
    return int(run.stdout) / (1024 if platform.system() == "Linux" else 1024**2)


def conditions() -> dict[str, Any]:
    """What the figures were measured with."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES if _is_installed(name)},
        "threads": "as each library sets them",
    }


def _is_installed(name: str) -> bool:
    """Not every part of the figures needs every rival."""
    return any(True for _ in distributions(name=name))


def _time_s(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
