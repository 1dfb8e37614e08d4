"""A device asked for is used or refused with the reason; `auto` gives way once, in one line, or silently."""

import pytest

from rebounce.engine.cuda import CudaFacts, Driver
from rebounce.engine.devices import Device, choose_device, cuda_index, fallback_line, refusal
from rebounce.engine.errors import DeviceError

NO_DRIVER = Driver(fault="no NVIDIA driver was found (libcuda.so.1)", is_installed=False)
CARD = Driver(cuda_version=(13, 1), cards=("NVIDIA RTX 3060",))
BROKEN = CudaFacts(
    runtime="onnxruntime-gpu 1.31.1",
    is_built_in=True,
    needs_cuda=13,
    driver=CARD,
    index=0,
    missing=("libcublasLt.so.13",),
    was_tried=True,
    trouble="failed",
    has_wheels=True,
    wheels=("onnxruntime-gpu",),
)


def test_cpu_needs_no_look_at_anything() -> None:
    assert choose_device("cpu", NO_DRIVER) == Device(name="cpu", message=None, is_strict=True)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:1"])
def test_cuda_without_a_driver_is_refused_with_the_reason_and_the_next_step(
    device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DeviceError) as caught:
        choose_device(device, NO_DRIVER)
    text = str(caught.value)
    assert text.startswith(f"--device {device}: ")
    assert "no NVIDIA driver was found" in text
    assert "--device cpu" in text
    assert capfd.readouterr() == ("", "")


def test_a_refusal_names_the_missing_library_and_the_extra() -> None:
    text = refusal("cuda", BROKEN)
    assert "libcublasLt.so.13" in text
    assert 'pip install "rebounce[cuda]"' in text
    assert "--device cpu" in text


def test_auto_says_nothing_on_a_machine_without_a_card(capfd: pytest.CaptureFixture[str]) -> None:
    for driver in (NO_DRIVER, Driver()):
        assert choose_device("auto", driver) == Device(name="cpu", message=None, is_strict=False)
    assert capfd.readouterr() == ("", "")


def test_auto_says_a_line_where_a_driver_is_broken() -> None:
    chosen = choose_device("auto", Driver(fault="libcuda.so.1 is installed but does not start: error 803"))
    assert chosen.name == "cpu"
    assert str(chosen.message).startswith("The GPU is not used: ")
    assert "does not start: error 803" in str(chosen.message)


def test_auto_says_one_line_exactly_when_it_does_not_use_the_card_it_sees(capfd: pytest.CaptureFixture[str]) -> None:
    chosen = choose_device("auto", CARD)
    assert (chosen.message is None) == (chosen.name == "cuda:0")
    assert "\n" not in (chosen.message or "")
    assert not chosen.is_strict
    assert capfd.readouterr() == ("", "")


def test_the_line_names_the_card_the_reason_and_the_next_step() -> None:
    line = fallback_line(BROKEN)
    assert "\n" not in line
    for part in ("NVIDIA RTX 3060", "libcublasLt.so.13", "The CPU does the work", 'pip install "rebounce[cuda]"'):
        assert part in line


@pytest.mark.parametrize(
    ("device", "index"), [("auto", None), ("cpu", None), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("cuda:12", 12)]
)
def test_a_device_name_means_one_card(device: str, index: int | None) -> None:
    assert cuda_index(device) == index


@pytest.mark.parametrize(("device", "hint"), [("gpu", "'cuda'"), ("CUDA", "'cuda'"), ("cpus", "'cpu'"), ("cuda:x", "")])
def test_an_unknown_name_is_refused_with_the_nearest_one(device: str, hint: str) -> None:
    with pytest.raises(DeviceError, match="expected auto, cpu, cuda or cuda:N") as caught:
        choose_device(device, NO_DRIVER)
    assert hint in str(caught.value)
