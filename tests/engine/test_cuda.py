"""What stands in the way of CUDA is found and named; the driver's answers are given as data, no GPU is needed."""

import ctypes.util
import io
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from rebounce.engine import cuda
from rebounce.engine.cuda import (
    CudaFacts,
    Driver,
    installed_wheels,
    look_for_cuda,
    preload_libraries,
    read_driver,
)
from rebounce.engine.onnx_runtime import load_runtime

CARD = Driver(cuda_version=(13, 1), cards=("NVIDIA RTX 3060",))
NOTHING = Driver(fault="no NVIDIA driver was found (libcuda.so.1)", is_installed=False)
WORKING = CudaFacts(
    runtime="onnxruntime-gpu 1.31.1",
    is_built_in=True,
    needs_cuda=13,
    driver=CARD,
    index=0,
    missing=(),
    was_tried=True,
    trouble=None,
    has_wheels=True,
    wheels=("onnxruntime-gpu",),
)


def _only_fault(facts: CudaFacts) -> tuple[str, str]:
    (fault,) = facts.faults()
    return fault.what, fault.advice


def test_a_model_that_ran_is_all_the_proof_there_is() -> None:
    assert WORKING.works
    assert WORKING.faults() == []
    assert not replace(WORKING, was_tried=False).works
    # Even a list of missing libraries does not count against a model that ran.
    assert replace(WORKING, missing=("libcufft.so.12",)).faults() == []


def test_missing_libraries_are_named_with_the_extra_that_brings_them() -> None:
    what, advice = _only_fault(replace(WORKING, missing=("libcublasLt.so.13", "libcurand.so.10"), trouble="failed"))
    assert what == "missing library libcublasLt.so.13, libcurand.so.10"
    assert advice == 'pip install "rebounce[cuda]"'


def test_a_build_without_cuda_says_which_wheel_to_take_away() -> None:
    plain = replace(WORKING, runtime="onnxruntime 1.31.1", is_built_in=False, was_tried=False, wheels=("onnxruntime",))
    what, advice = _only_fault(plain)
    assert what == "onnxruntime 1.31.1 was built without CUDA"
    assert advice == 'pip uninstall -y onnxruntime, then pip install "rebounce[cuda]"'


def test_a_platform_without_a_cuda_build_is_not_told_to_install_one() -> None:
    facts = replace(WORKING, is_built_in=False, was_tried=False, has_wheels=False)
    assert "none is published" in _only_fault(facts)[1]


def test_an_old_driver_is_named_with_both_versions() -> None:
    old = replace(WORKING, driver=replace(CARD, cuda_version=(12, 4)), trouble="failed")
    what, advice = _only_fault(old)
    assert what == "the NVIDIA driver handles CUDA 12.4, onnxruntime-gpu 1.31.1 needs CUDA 13"
    assert advice == "update the NVIDIA driver"


def test_a_card_number_that_does_not_exist_is_told_with_those_that_do() -> None:
    what, _ = _only_fault(replace(WORKING, index=2, was_tried=False))
    assert what == "there is no cuda:2, the NVIDIA driver sees cuda:0 NVIDIA RTX 3060"
    what, advice = _only_fault(replace(WORKING, driver=Driver(), was_tried=False))
    assert what == "there is no cuda:0, the NVIDIA driver sees no card at all"
    assert "CUDA_VISIBLE_DEVICES" in advice


def test_what_nothing_explains_is_told_in_the_runtimes_own_words() -> None:
    what, _ = _only_fault(replace(WORKING, trouble="CUDNN failure 5000"))
    assert what == "a tiny model failed on cuda:0: CUDNN failure 5000"


def test_several_reasons_are_told_together_the_deepest_first() -> None:
    facts = replace(WORKING, driver=NOTHING, missing=("libcublasLt.so.13",), was_tried=False)
    assert [fault.what for fault in facts.faults()] == [NOTHING.fault, "missing library libcublasLt.so.13"]


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        (NOTHING, False),
        (Driver(), False),  # a driver without a card, as in a container made for one
        (CARD, True),
        (Driver(fault="libcuda.so.1 is installed but does not start: error 803"), True),
    ],
)
def test_a_line_is_due_only_where_a_gpu_is_to_be_expected(driver: Driver, expected: bool) -> None:
    assert driver.is_worth_a_line is expected


def test_a_driver_library_that_is_not_there_is_a_fault_and_no_crash() -> None:
    driver = read_driver("librebounce-has-no-such-driver.so.1")
    assert driver.cards == ()
    assert "librebounce-has-no-such-driver.so.1" in str(driver.fault)


class _Answers:
    """What libcuda answers through ctypes: a code from every call, and values behind the references it is handed."""

    def __init__(self, start_code: int, cards: tuple[bytes, ...] = ()) -> None:
        self.start_code, self.cards = start_code, cards

    def cuInit(self, flags: int) -> int:
        return self.start_code

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = 12_040
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = len(self.cards)
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:
        device._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        name.value = self.cards[device.value]
        return 0 if self.cards[device.value] else 1

    def cuGetErrorString(self, code: int, text: Any) -> int:
        text._obj.value = b"system has unsupported display driver" if code == 803 else None
        return 0


def test_a_drivers_answers_become_a_version_and_names() -> None:
    driver = cuda._ask(_Answers(0, (b"NVIDIA H200", b"")), "libcuda.so.1")
    assert driver == Driver(cuda_version=(12, 4), cards=("NVIDIA H200", "a card without a name"))


def test_a_driver_without_a_card_is_no_fault() -> None:
    assert cuda._ask(_Answers(100), "libcuda.so.1") == Driver()
    assert cuda._ask(_Answers(0), "libcuda.so.1") == Driver(cuda_version=(12, 4))


@pytest.mark.parametrize(
    ("code", "told"), [(803, "error 803, system has unsupported display driver"), (999, "error 999")]
)
def test_a_driver_that_does_not_start_is_told_with_its_own_words(code: int, told: str) -> None:
    driver = cuda._ask(_Answers(code), "libcuda.so.1")
    assert driver.fault == f"libcuda.so.1 is installed but does not start: {told}"
    assert driver.is_worth_a_line


def test_a_library_that_is_no_driver_is_a_fault_and_no_crash() -> None:
    assert "cuInit" in str(read_driver(ctypes.util.find_library("c") or "msvcrt.dll").fault)


def test_this_machines_own_driver_answers_with_cards_or_a_fault_or_neither() -> None:
    driver = read_driver()
    assert not (driver.cards and driver.fault)
    assert driver.cuda_version is not None or not driver.cards
    assert all(card.strip() for card in driver.cards)


def test_without_a_driver_nothing_is_tried_and_the_fault_says_so() -> None:
    facts = look_for_cuda(0, NOTHING)
    assert not facts.was_tried
    assert not facts.works
    assert NOTHING.fault in [fault.what for fault in facts.faults()]
    assert facts.runtime.endswith(load_runtime().__version__)


def test_looking_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    look_for_cuda(0, CARD)
    look_for_cuda(0, NOTHING)
    assert capfd.readouterr() == ("", "")


def test_libraries_that_could_not_be_loaded_come_back_as_bare_names() -> None:
    found = preload_libraries(load_runtime())
    assert all("/" not in name and " " not in name for name in found)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Failed to load libcublasLt.so.13: libcublasLt.so.13: cannot open shared object file", "libcublasLt.so.13"),
        ("Failed to load /a/b c/nvidia/cu13/lib/libcudart.so.13: too short", "libcudart.so.13"),
        (r"Failed to load C:\py\nvidia\cublas\bin\cublas64_12.dll: Could not find module", "cublas64_12.dll"),
    ],
)
def test_the_name_of_a_library_is_read_from_what_the_runtime_prints(line: str, name: str) -> None:
    assert cuda._MISSING.findall(f"{line}\nPlease follow https://onnxruntime.ai/docs/install\n") == [name]


def test_what_other_threads_print_meanwhile_goes_where_it_belongs() -> None:
    mine, others = io.StringIO(), io.StringIO()
    split = cuda._ThisThread(mine, others)
    split.write("mine")
    thread = threading.Thread(target=split.write, args=("theirs",))
    thread.start()
    thread.join()
    assert (mine.getvalue(), others.getvalue()) == ("mine", "theirs")


def test_a_process_without_stdout_can_preload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert isinstance(preload_libraries(load_runtime()), tuple)


def test_exactly_one_runtime_wheel_is_installed_here() -> None:
    assert len(installed_wheels()) == 1


@pytest.mark.parametrize(("version", "major"), [("13.0", 13), ("12", 12), ("", None), ("unknown", None)])
def test_the_cuda_major_is_read_from_a_version(version: str, major: int | None) -> None:
    assert cuda._major(version) == major
