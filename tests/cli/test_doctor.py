"""`rebounce doctor`: what works here, and exactly why the GPU does not."""

import json
from pathlib import Path

import pytest
from commands import rebounce, rebounce_many


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Every check by its name."""
    done = rebounce("doctor", "--json", "-o", tmp_path_factory.mktemp("out"))
    found = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == int(any(check["status"] == "problem" for check in found))
    return {check["name"]: check for check in found}


def test_what_restoring_needs_is_tried_and_not_only_listed(checks: dict[str, dict[str, str]]) -> None:
    for name in ("Python", "numpy", "soundfile", "pedalboard", "file formats", "onnxruntime", "CPU"):
        assert checks[name]["status"] == "ok", checks[name]
    assert "a tiny model gave right numbers" in checks["CPU"]["found"]
    assert "free in" in checks["output folder"]["found"]


def test_what_has_never_been_run_says_so(checks: dict[str, dict[str, str]]) -> None:
    assert checks["Linux x86-64, CPU"]["found"] == "has been run"
    for name in ("Windows x86-64, CPU", "macOS ARM64, CPU", "Linux x86-64, CUDA"):
        assert checks[name]["status"] == "not run"


def test_people_get_a_line_for_each_check_and_each_advice(checks: dict[str, dict[str, str]]) -> None:
    done = rebounce("doctor")
    advices = [check for check in checks.values() if check["advice"]]
    assert len(done.out.splitlines()) == len(checks) + len(advices)


def test_a_gpu_that_was_asked_for_and_does_not_work_is_a_failure_that_says_why(
    checks: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    if checks["GPU"]["status"] == "ok" and "tiny model" in checks["GPU"]["found"]:
        pytest.skip("this machine has a GPU that works")
    asked, restored = rebounce_many(
        [["doctor", "--device", "cuda"], ["restore", tmp_path, "-o", tmp_path / "out", "--device", "cuda"]]
    )
    assert (asked.code, restored.code) == (1, 2)
    assert "--device cuda" in asked.out
    assert "cuda" in restored.err.lower()
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    (done,) = rebounce_many([["doctor", "-o", tmp_path / "not/yet"]])
    assert done.code == 0
    assert "output folder" in done.out
