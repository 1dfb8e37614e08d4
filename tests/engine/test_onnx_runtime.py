"""The tiny model is what it says, the runtime stays quiet, and settings reach it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from rebounce.engine import onnx_runtime
from rebounce.engine.errors import DeviceError
from rebounce.engine.onnx_runtime import (
    PROBE_MODEL,
    captured_log,
    default_threads,
    device_of,
    load_runtime,
    make_session,
    probe,
    reason_of,
    runtime_errors,
    share_cores,
)

RUNTIME_LINE = b"\x1b[0;93m2026-01-21 12:08:58.79 [W:onnxruntime:Default, device_discovery.cc:164 X] no card\x1b[m\n"


def _value(name: str, sizes: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


def test_the_embedded_model_is_the_convolution_its_comment_describes() -> None:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "probe",
        [_value("x", [1, 1, 8]), _value("w", [1, 1, 3])],
        [_value("y", [1, 1, 6])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(onnx.load_from_string(PROBE_MODEL))
    assert onnx.load_from_string(PROBE_MODEL) == made


def test_the_tiny_model_gives_right_numbers_on_the_cpu() -> None:
    assert probe("cpu") is None


def test_a_card_that_is_not_there_fails_the_tiny_model_with_a_reason_and_nothing_on_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    try:
        trouble = probe("cuda:99")
    except DeviceError as error:  # a runtime without CUDA is refused before anything is tried
        trouble = str(error)
    assert trouble is not None
    assert len(trouble) > 10
    assert "\x1b" not in trouble
    assert capfd.readouterr() == ("", "")


def test_importing_the_session_layer_does_not_import_onnxruntime_and_opening_a_session_says_nothing() -> None:
    code = (
        "import sys\n"
        "import rebounce.engine.devices, rebounce.engine.onnx_session, rebounce.engine.model_package\n"
        "import rebounce.engine.doctor\n"
        "assert not {'onnxruntime', 'torch', 'pedalboard'} & set(sys.modules), 'imported too early'\n"
        "from rebounce.engine.onnx_runtime import probe\n"
        "assert probe('cpu') is None\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_log_lines_are_taken_off_stderr_and_everything_else_arrives(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_log() as log:
        os.write(2, b"before\n" + RUNTIME_LINE + b"\x1b[m\n" + b"after\n")
        assert log == []
    assert capfd.readouterr().err == "before\nafter\n"
    assert len(log) == 2
    assert "device_discovery" in log[0]


def test_stderr_comes_back_after_an_error_inside(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), captured_log():
        raise KeyError("inside")
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_a_session_reports_the_device_it_runs_on() -> None:
    assert device_of(make_session(PROBE_MODEL, "cpu", 1, {})) == "cpu"


def test_a_session_for_a_card_that_is_not_there_is_not_made() -> None:
    with pytest.raises((DeviceError, *runtime_errors())):
        make_session(PROBE_MODEL, "cuda:99", 1, {})


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_determinism_reach_the_runtime(threads: int) -> None:
    options = make_session(PROBE_MODEL, "cpu", threads, {}).get_session_options()
    assert options.intra_op_num_threads == threads
    assert options.inter_op_num_threads == 1
    assert options.use_deterministic_compute
    assert options.log_severity_level == 4


def test_an_error_of_the_runtime_is_caught_and_told_without_its_codes() -> None:
    session = make_session(PROBE_MODEL, "cpu", 1, {})
    with pytest.raises(runtime_errors()) as caught:
        session.run(None, {"x": np.zeros((1, 1, 9), np.float32), "w": np.zeros((1, 1, 3), np.float32)})
    assert "ONNXRuntimeError" in str(caught.value)
    assert reason_of(caught.value).startswith("Got invalid dimensions for input: x")


def test_an_error_without_words_is_told_by_its_name() -> None:
    assert reason_of(RuntimeError()) == "RuntimeError"


def test_the_runtime_is_loaded_once() -> None:
    assert load_runtime() is load_runtime()


def test_default_threads_never_exceed_what_the_process_may_use() -> None:
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 0
    assert default_threads() in range(min(1, allowed), allowed + 1)


def test_processes_side_by_side_share_the_cores() -> None:
    alone = default_threads() or os.cpu_count() or 1
    try:
        for processes in (2, 3, 1_000):
            share_cores(processes)
            assert default_threads() == max(1, alone // processes)
    finally:
        share_cores(1)


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", None), ("200000 100000\n", 2), ("50000 100000\n", 1), ("390000 100000\n", 3), ("nonsense", None)],
)
def test_a_containers_quota_counts_in_whole_cores(tmp_path: Path, text: str, cores: int | None) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text, encoding="ascii")
    assert onnx_runtime._quota(quota) == cores
    assert onnx_runtime._quota(tmp_path / "absent") is None
