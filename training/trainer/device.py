"""Where a training runs, and in which precision: as asked for, or refused with the reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rebounce.engine.devices import AUTO, cuda_index
from rebounce.engine.errors import ConfigError, DeviceError

if TYPE_CHECKING:
    from lightning.fabric import Fabric

CPU, CUDA = "cpu", "cuda"
FABRIC_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """How many processes train together: here, and on all machines; `torchrun` says so."""

    here: int = 1
    all: int = 1


def training_device(device: str) -> str:
    """The device behind "auto", "cpu", "cuda" or "cuda:1"; a DeviceError where it cannot be used."""
    index = cuda_index(device)
    if index is None:
        return CUDA if device == AUTO and torch.cuda.is_available() else CPU
    if not torch.cuda.is_available():
        built = torch.version.cuda
        why = f"torch {torch.__version__} was built without CUDA" if built is None else "torch finds no GPU it can use"
        raise DeviceError(
            f"--device {device}: expected a GPU, but {why}; `rebounce doctor` says more, and --device cpu always works"
        )
    if index >= torch.cuda.device_count():
        raise DeviceError(f"--device {device}: expected one of {torch.cuda.device_count()} GPUs, counted from 0")
    return device


def chosen_precision(precision: str, device: str) -> str:
    """ "fp32", "bf16" or "fp16"; on the CPU, where half precision saves little time, only when it is asked for."""
    is_on_cuda = device.startswith(CUDA)
    if precision == "fp16" and not is_on_cuda:
        raise ConfigError('precision = "fp16": expected a GPU, as it cannot be had on the CPU; take "bf16" or "auto"')
    if precision != "auto":
        return precision
    if not is_on_cuda:
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def make_fabric(device: str, precision: str, processes: Processes) -> "Fabric":
    """Lightning's own handling of devices and processes, started; under `torchrun` with one process to a device."""
    from lightning.fabric import Fabric
    from lightning.fabric.strategies.ddp import DDPStrategy

    is_alone = processes.all == 1
    index = cuda_index(device) or 0
    # Stages leave heads aside whose losses are not active yet, and processes wait for the gradients of each.
    strategy = "auto" if is_alone else DDPStrategy(find_unused_parameters=True)
    fabric = Fabric(
        accelerator=CUDA if device.startswith(CUDA) else CPU,
        devices=([index] if device.startswith(CUDA) else 1) if is_alone else processes.here,
        num_nodes=processes.all // processes.here,
        strategy=strategy,
        precision=FABRIC_PRECISION[precision],  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def used_share(fabric: "Fabric") -> float:
    """The largest part of any process's GPU memory that was in use since the last call; 0 on the CPU."""
    if fabric.device.type != CUDA:
        return 0.0
    total = torch.cuda.get_device_properties(fabric.device).total_memory
    share = torch.tensor(torch.cuda.max_memory_reserved(fabric.device) / total, device=fabric.device)
    torch.cuda.reset_peak_memory_stats(fabric.device)
    shares = fabric.all_gather(share)
    assert isinstance(shares, torch.Tensor)
    return float(shares.max())


def summed(fabric: "Fabric", figures: torch.Tensor) -> list[float]:
    """The figures added up over all processes."""
    total = fabric.all_reduce(figures, reduce_op="sum")
    assert isinstance(total, torch.Tensor)
    return [float(figure) for figure in total.tolist()]
