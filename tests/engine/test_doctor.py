"""The doctor reports what was tried; only what restoring needs makes it fail."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rebounce.engine.cuda import CudaFacts, Driver
from rebounce.engine.doctor import (
    PLATFORMS,
    as_data,
    as_lines,
    examine,
    examine_device,
    exit_code,
    judge_gpu,
    run_table,
)
from rebounce.engine.doctor_checks import Check

NO_DRIVER = Driver(fault="no NVIDIA driver was found (libcuda.so.1)", is_installed=False)
CARD = Driver(cuda_version=(13, 1), cards=("NVIDIA RTX 3060",))
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


def _named(checks: list[Check], name: str) -> Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def test_everything_restoring_needs_works_here(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    checks = examine(tmp_path, driver=NO_DRIVER)
    assert [check for check in checks if check.status == "problem"] == []
    assert exit_code(checks) == 0
    assert _named(checks, "CPU").found.startswith("a tiny model gave right numbers")
    assert _named(checks, "file formats").found == "WAV, RF64, W64, AIFF, FLAC, OGG, MP3"
    assert _named(checks, "Python").found.startswith(".".join(str(part) for part in sys.version_info[:3]))
    assert "libsndfile" in _named(checks, "soundfile").found
    assert capfd.readouterr() == ("", "")


def test_names_are_unique_and_statuses_are_the_four_words(tmp_path: Path) -> None:
    checks = examine(tmp_path, driver=NO_DRIVER)
    assert len({check.name for check in checks}) == len(checks)
    assert {check.status for check in checks} <= {"ok", "warning", "problem", "not run"}


def test_no_card_is_fine_and_says_that_the_cpu_does_the_work(tmp_path: Path) -> None:
    check = _named(examine(tmp_path, driver=NO_DRIVER), "GPU")
    assert check.status == "ok"
    assert "no NVIDIA driver was found" in check.found
    assert str(check.advice).startswith("the CPU does the work")


def test_a_card_that_cannot_be_used_is_a_warning_with_the_library_and_the_extra() -> None:
    check = judge_gpu(replace(WORKING, trouble="failed", missing=("libcublasLt.so.13",)))
    assert check.status == "warning"
    assert check.found == "not used: missing library libcublasLt.so.13"
    assert str(check.advice).startswith('pip install "rebounce[cuda]"')


def test_a_card_that_works_is_ok_and_owns_up_to_what_was_not_run() -> None:
    check = judge_gpu(WORKING)
    assert (check.status, check.found) == ("ok", "cuda:0, NVIDIA RTX 3060: a tiny model gave right numbers")
    assert "have not been run on a GPU" in str(check.advice)


def test_a_strict_device_that_does_not_work_makes_the_doctor_fail(tmp_path: Path) -> None:
    checks = examine(tmp_path, "cuda", NO_DRIVER)
    check = _named(checks, "--device cuda")
    assert check.status == "problem"
    assert "no NVIDIA driver was found" in check.found
    assert exit_code(checks) == 1
    assert "GPU" not in [item.name for item in checks]


def test_auto_and_cpu_are_never_a_problem() -> None:
    assert examine_device("cpu", NO_DRIVER) == Check(name="--device cpu", status="ok", found="runs on cpu")
    assert examine_device("auto", NO_DRIVER) == Check(name="--device auto", status="ok", found="runs on cpu")
    seen = examine_device("auto", CARD)
    assert (seen.status, "\n" in seen.found) in {("ok", False), ("warning", False)}


def test_the_table_says_run_for_linux_on_the_cpu_alone() -> None:
    assert [item.name for item in PLATFORMS if item.was_run] == ["Linux x86-64, CPU"]
    table = run_table()
    assert [check.status for check in table].count("ok") == 1
    assert {check.name for check in table if check.status == "not run"} >= {
        "Linux x86-64, CUDA",
        "Windows x86-64, CPU",
        "macOS ARM64, CPU",
        "Linux ARM64, CPU",
    }


def test_warnings_and_what_was_not_run_do_not_fail_the_doctor() -> None:
    fine = [Check(name=status, status=status, found="") for status in ("ok", "warning", "not run")]
    assert exit_code(fine) == 0
    assert exit_code([*fine, Check(name="CPU", status="problem", found="")]) == 1


def test_lines_put_the_advice_under_the_finding() -> None:
    checks = [
        Check(name="a", status="ok", found="fine"),
        Check(name="long", status="warning", found="bad", advice="do"),
    ]
    assert as_lines(checks) == [
        "ok       a     fine",
        "warning  long  bad",
        "               -> do",
    ]
    assert as_lines([]) == []


def test_the_data_is_json(tmp_path: Path) -> None:
    checks = examine(tmp_path, driver=NO_DRIVER)
    again = json.loads(json.dumps(as_data(checks), allow_nan=False))
    assert [Check(**item) for item in again] == checks


def test_examining_does_not_import_torch() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom rebounce.engine.doctor import examine\nexamine(Path('.'))\n"
        "assert not {'torch', 'encodec', 'torchaudio'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
