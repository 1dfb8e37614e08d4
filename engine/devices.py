"""Which device a model runs on: `auto`, `cpu`, or `cuda`, which is strict.

Always true here: a device that was asked for by name is used or refused with the reason, before any file is read;
`auto` gives way to the CPU once, in one line, and says nothing on a machine that has no NVIDIA card to begin with.

choose_device("cuda:1")     Device(name="cuda:1"), or a DeviceError
choose_device("auto")       Device(name="cpu", message="The GPU (NVIDIA RTX 3060) is not used: ...")
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from rebounce.engine.cuda import CudaFacts, Driver, look_for_cuda, read_driver
from rebounce.engine.errors import DeviceError
from rebounce.engine.onnx_runtime import CPU

AUTO = "auto"
CUDA = "cuda"
DEVICES = (AUTO, CPU, CUDA)
_CUDA_NAME = re.compile(r"cuda(?::(\d{1,3}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that was chosen: "cpu" or "cuda:0".

    `message` is the one line for the user when `auto` had to give way, None otherwise. With `is_strict` a model that
    the device cannot run is an error; without, it goes to the CPU.
    """

    name: str = CPU
    message: str | None = None
    is_strict: bool = True


def choose_device(device: str = AUTO, driver: Driver | None = None) -> Device:
    """The device behind "auto", "cpu", "cuda" or "cuda:1"; a DeviceError where it cannot be used.

    `driver` is what the NVIDIA driver answers, asked here when it is not given. Choosing a GPU runs a tiny model on it.
    """
    index = cuda_index(device)
    if device == CPU:
        return Device()
    seen = driver or read_driver()
    if index is None:
        return _automatic(seen)
    facts = look_for_cuda(index, seen)
    if not facts.works:
        raise DeviceError(refusal(device, facts))
    return Device(name=f"cuda:{index}")


def cuda_index(device: str) -> int | None:
    """The number of the CUDA card a device name means, None for "cpu" and "auto"; a DeviceError for any other name."""
    if device in (AUTO, CPU):
        return None
    match = _CUDA_NAME.fullmatch(device)
    if match is None:
        close = [CUDA] if "gpu" in device.lower() else get_close_matches(device.lower(), DEVICES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise DeviceError(f"--device {device}: expected auto, cpu, cuda or cuda:N (cuda:1 is the second card){hint}")
    return int(match[1] or 0)


def _automatic(driver: Driver) -> Device:
    if not driver.is_worth_a_line:
        return Device(is_strict=False)
    facts = look_for_cuda(0, driver)
    if facts.works:
        return Device(name="cuda:0", is_strict=False)
    return Device(message=fallback_line(facts), is_strict=False)


def fallback_line(facts: CudaFacts) -> str:
    """The one line said when there is a card and the CPU does the work."""
    card = f" ({facts.driver.cards[0]})" if facts.driver.cards else ""
    return (
        f"The GPU{card} is not used: {_reasons(facts)}. The CPU does the work. "
        f"To use the GPU: {_advice(facts)}; rebounce doctor says more."
    )


def refusal(device: str, facts: CudaFacts) -> str:
    """What a strict request is answered with."""
    return (
        f"--device {device}: expected an NVIDIA GPU that works, found that it does not: {_reasons(facts)}. "
        f"Next: {_advice(facts)}, or use --device cpu; rebounce doctor says more."
    )


def _reasons(facts: CudaFacts) -> str:
    return "; ".join(fault.what for fault in facts.faults())


def _advice(facts: CudaFacts) -> str:
    return ", ".join(dict.fromkeys(fault.advice for fault in facts.faults()))
