"""Where a training runs: what was asked for, or the reason why not."""

import pytest
import torch

from rebounce.engine.errors import ConfigError, DeviceError
from rebounce.training.trainer.device import (
    Processes,
    chosen_precision,
    make_fabric,
    summed,
    training_device,
    used_share,
)


def test_the_cpu_is_always_there() -> None:
    assert training_device("cpu") == "cpu"


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert training_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_what_is_no_device_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"--device gpu: expected auto, cpu, cuda or cuda:N .*; did you mean 'cuda'"):
        training_device("gpu")


def test_a_gpu_beyond_those_there_are_is_refused() -> None:
    with pytest.raises(DeviceError, match="--device cuda:99: expected"):
        training_device("cuda:99")


def test_the_cpu_counts_in_whole_floats_unless_it_is_asked_not_to() -> None:
    assert [chosen_precision(name, "cpu") for name in ("auto", "fp32", "bf16")] == ["fp32", "fp32", "bf16"]
    with pytest.raises(ConfigError, match="cannot be had on the CPU"):
        chosen_precision("fp16", "cpu")
    assert chosen_precision("fp16", "cuda:1") == "fp16"


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_fabric_works_in_the_precision_that_was_chosen(precision: str, dtype: torch.dtype) -> None:
    fabric = make_fabric("cpu", precision, Processes())
    with fabric.autocast():
        assert (torch.zeros(2, 2) @ torch.zeros(2, 2)).dtype == dtype
    assert (fabric.world_size, fabric.is_global_zero, fabric.device) == (1, True, torch.device("cpu"))
    assert summed(fabric, torch.tensor([1.0, 2.5])) == [1.0, 2.5]
    assert used_share(fabric) == 0.0
