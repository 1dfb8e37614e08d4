"""The facts behind `rebounce doctor`: what is installed, what really works here, and what was never run anywhere.

Always true here: a check reports what was tried, not what is listed; examining changes nothing; nothing imports torch.
Not one of these checks has met a GPU, Windows, macOS or ARM yet, and `run_table` says so.

checks = examine(Path("out"))
print("\n".join(as_lines(checks)));  sys.exit(exit_code(checks))
"""

import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rebounce.engine.cuda import CudaFacts, Driver, installed_wheels, look_for_cuda, read_driver
from rebounce.engine.devices import choose_device, cuda_index
from rebounce.engine.doctor_checks import (
    OK,
    PROBLEM,
    WARNING,
    Check,
    check_formats,
    check_package,
    check_space,
    check_training,
    check_vst3,
    check_watching,
    not_run,
)
from rebounce.engine.doctor_models import check_models
from rebounce.engine.errors import DeviceError
from rebounce.engine.onnx_runtime import CPU, default_threads, load_runtime, probe

_LOWEST_PYTHON = (3, 11)
_PACKAGES = ("numpy", "scipy", "soundfile", "pedalboard", "mutagen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A system and a provider, and whether this version has been run there."""

    system: str
    machines: tuple[str, ...]
    provider: str
    was_run: bool

    @property
    def name(self) -> str:
        return f"{self.system} {self.machines[0]}, {self.provider}"


_X86, _ARM = ("x86-64", "x86_64", "amd64"), ("ARM64", "arm64", "aarch64")
PLATFORMS = (
    Platform(system="Linux", machines=_X86, provider="CPU", was_run=True),
    Platform(system="Linux", machines=_X86, provider="CUDA", was_run=False),
    Platform(system="Linux", machines=_ARM, provider="CPU", was_run=False),
    Platform(system="Windows", machines=_X86, provider="CPU", was_run=False),
    Platform(system="Windows", machines=_X86, provider="CUDA", was_run=False),
    Platform(system="macOS", machines=_ARM, provider="CPU", was_run=False),
    Platform(system="macOS", machines=_X86, provider="CPU", was_run=False),
)


def examine(output_folder: Path = Path(), device: str = "auto", driver: Driver | None = None) -> list[Check]:
    """Look at everything; a `device` asked for by name makes a device that does not work a problem."""
    found = [_python(), _system(), check_package("rebounce"), *(check_package(name) for name in _PACKAGES)]
    found += [check_formats(), _runtime(), _wheels(), _cpu()]
    seen = driver or read_driver()
    found += [_gpu(seen)] if cuda_index(device) is None else [examine_device(device, seen)]
    found += [check_vst3(), *check_models(), *check_space(output_folder), check_training(), check_watching()]
    return found + run_table()


def examine_device(device: str, driver: Driver | None = None) -> Check:
    """Whether one device can be used as asked: "cuda" and "cuda:1" are strict."""
    index = cuda_index(device)
    if index is not None:
        facts = look_for_cuda(index, driver or read_driver())
        return replace(judge_gpu(facts), name=f"--device {device}", status=OK if facts.works else PROBLEM)
    chosen = choose_device(device, driver)
    return Check(
        name=f"--device {device}",
        status=WARNING if chosen.message else OK,
        found=chosen.message or f"runs on {chosen.name}",
    )


def run_table() -> list[Check]:
    """Where this version of rebounce has been run, and where it has not."""
    return [
        Check(name=item.name, status=OK, found="has been run") if item.was_run else not_run(item.name)
        for item in PLATFORMS
    ]


def exit_code(checks: Iterable[Check]) -> int:
    """1 when something that restoring needs does not work, else 0: a GPU that is not used is no failure."""
    return int(any(check.status == PROBLEM for check in checks))


def as_data(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """The checks as plain data for JSON."""
    return [asdict(check) for check in checks]


def as_lines(checks: list[Check]) -> list[str]:
    """The checks as text: status, name, what was found, and an advice on a line of its own."""
    wide = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{check.status:<8} {check.name:<{wide}}  {check.found}")
        if check.advice is not None:
            lines.append(f"{'':<8} {'':<{wide}}  -> {check.advice}")
    return lines


def _python() -> Check:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= _LOWEST_PYTHON:
        return Check(name="Python", status=OK, found=found)
    return Check(name="Python", status=PROBLEM, found=found, advice="install Python 3.11 or newer")


def _system() -> Check:
    found = platform.platform()
    if _was_run(platform.system(), platform.machine()):
        return Check(name="platform", status=OK, found=found)
    advice = "rebounce has not been run on this platform yet: check a result by ear, and tell us what you find"
    return Check(name="platform", status="not run", found=found, advice=advice)


def _was_run(system: str, machine: str) -> bool:
    name = {"Darwin": "macOS"}.get(system, system)
    return any(item.was_run and item.system == name and machine.lower() in item.machines for item in PLATFORMS)


def _runtime() -> Check:
    try:
        runtime = load_runtime()
    except DeviceError as error:
        return Check(
            name="onnxruntime", status=PROBLEM, found=str(error), advice="pip install --force-reinstall rebounce"
        )
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in runtime.get_available_providers())
    return Check(name="onnxruntime", status=OK, found=f"{runtime.__version__}, built with {providers}")


def _wheels() -> Check:
    found = installed_wheels()
    if len(found) < 2:
        return Check(name="onnxruntime wheels", status=OK, found=", ".join(found) or "not installed by pip")
    advice = f"pip uninstall -y {' '.join(found)}, then pip install --force-reinstall rebounce"
    text = f"{' and '.join(found)} are both installed and overwrite each other's files"
    return Check(name="onnxruntime wheels", status=WARNING, found=text, advice=advice)


def _cpu() -> Check:
    try:
        trouble = probe(CPU)
    except DeviceError as error:
        trouble = str(error)
    if trouble is not None:
        found = f"a tiny model failed: {trouble}"
        return Check(name="CPU", status=PROBLEM, found=found, advice="pip install --force-reinstall rebounce")
    threads = default_threads()
    return Check(
        name="CPU", status=OK, found=f"a tiny model gave right numbers; {threads or 'all physical'} cores used"
    )


def _gpu(driver: Driver) -> Check:
    try:
        return judge_gpu(look_for_cuda(0, driver))
    except DeviceError as error:
        return Check(name="GPU", status=WARNING, found=f"not examined: {error}")


def judge_gpu(facts: CudaFacts) -> Check:
    """The GPU's check: working, not there, or there and why it does not work."""
    if facts.works:
        found = f"cuda:{facts.index}, {facts.driver.cards[facts.index]}: a tiny model gave right numbers"
        return Check(
            name="GPU", status=OK, found=found, advice="models themselves have not been run on a GPU by us yet"
        )
    what = "; ".join(fault.what for fault in facts.faults())
    advice = ", ".join(dict.fromkeys(fault.advice for fault in facts.faults()))
    if facts.driver.is_worth_a_line:
        return Check(name="GPU", status=WARNING, found=f"not used: {what}", advice=f"{advice}; --device cpu works")
    return Check(
        name="GPU", status=OK, found=f"none: {what}", advice=f"the CPU does the work; for an NVIDIA card: {advice}"
    )
