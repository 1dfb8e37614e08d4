"""Windows through a model: each by itself, whatever stands beside it and however many threads there are."""

import threading

import numpy as np
import pytest
from onnx import TensorProto, helper

from rebounce.engine.devices import Device
from rebounce.engine.errors import DeviceError, ModelError, UsageError
from rebounce.engine.model_manifest import Manifest, ModelPort
from rebounce.engine.model_package import ModelPackage, write_manifest
from rebounce.engine.onnx_session import Array, Port
from rebounce.engine.window_sessions import MOST_THREADS, WindowSessions, open_windows, thread_count

FRAMES = 40_003
"""Enough for onnxruntime to split a window among threads, were it let, and no multiple of any vector's length."""

SIZES: list[int | str] = ["batch", 2, FRAMES]
IN, OUT = (Port(name=name, dtype="float32", shape=("batch", 2, FRAMES)) for name in ("audio", "curved"))
MODEL = "curve.onnx"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """y = elu(x), which onnxruntime rounds by where its threads split it."""
    folder = tmp_path_factory.mktemp("curve")
    graph = helper.make_graph(
        [helper.make_node("Elu", ["audio"], ["curved"])],
        "curve",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, SIZES)],
        [helper.make_tensor_value_info("curved", TensorProto.FLOAT, SIZES)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / MODEL).write_bytes(model.SerializeToString())
    manifest = Manifest(
        name="curve", version="1", kind="curve", sample_rate_hz=48_000, channels=2, window_frames=FRAMES,
        hop_frames=FRAMES, context_frames=0, licence="GPL-3.0-or-later", training_data_card="None.",
        inputs=(ModelPort(model=MODEL, port=IN),), outputs=(ModelPort(model=MODEL, port=OUT),),
    )  # fmt: skip
    return write_manifest(folder, manifest)


def windows(count: int) -> Array:
    return np.random.default_rng(1).standard_normal((count, 2, FRAMES)).astype(np.float32)


def curved(sessions: WindowSessions, audio: Array) -> Array:
    return sessions.run(MODEL, {"audio": audio})["curved"]


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_window_alone_gives_the_same_bits_as_among_others(package: ModelPackage, threads: int, count: int) -> None:
    alone = open_windows(package, "cpu", 1)
    audio = windows(count)
    together = curved(open_windows(package, "cpu", threads), audio)
    for window, made in zip(audio, together, strict=True):
        np.testing.assert_array_equal(made, curved(alone, window[np.newaxis])[0])
    np.testing.assert_allclose(together, np.where(audio > 0, audio, np.expm1(audio)), atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_batches_that_are_not_full_are_filled_up_and_cut_again(package: ModelPackage, count: int) -> None:
    sessions = WindowSessions(package.open("cpu", 1, {"batch": 4}), 4, 1)
    audio = windows(count)
    np.testing.assert_allclose(curved(sessions, audio), np.where(audio > 0, audio, np.expm1(audio)), atol=1e-6)
    assert sessions.at_once == 4


def test_no_windows_give_no_results_of_the_right_shape(package: ModelPackage) -> None:
    made = curved(open_windows(package, "cpu", 2), windows(0))
    assert (made.shape, str(made.dtype)) == ((0, 2, FRAMES), "float32")


def test_threads_can_be_changed_and_no_number_below_one_is_taken(package: ModelPackage) -> None:
    sessions = open_windows(package, "cpu", 3)
    assert (sessions.device, sessions.message, sessions.at_once) == ("cpu", None, 3)
    sessions.use_threads(2)
    assert sessions.at_once == 2
    sessions.use_threads(None)
    assert 1 <= sessions.at_once == thread_count(None) <= MOST_THREADS
    assert thread_count(10_000) == MOST_THREADS
    with pytest.raises(UsageError, match="threads = 0: expected at least 1"):
        sessions.use_threads(0)


def test_no_thread_is_left_behind(package: ModelPackage) -> None:
    before = threading.active_count()
    curved(open_windows(package, "cpu", 4), windows(9))
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2])
def test_windows_that_do_not_fit_the_model_are_told(package: ModelPackage, threads: int) -> None:
    sessions = open_windows(package, "cpu", threads)
    with pytest.raises(ModelError, match=r"curve\.onnx: expected input 'audio' as float32 "):
        sessions.run(MODEL, {"audio": np.zeros((3, 2, 5), dtype=np.float32)})


def test_a_gpu_that_gives_way_leaves_the_work_to_the_cpu_one_window_at_a_time(package: ModelPackage) -> None:
    sessions = open_windows(package, Device(name="cuda:99", is_strict=False), 2, batch=8)
    assert (sessions.device, sessions.at_once) == ("cpu", 2)
    assert "cuda:99" in str(sessions.message)
    assert str(sessions.message).endswith("The CPU does the work.")
    audio = windows(3)
    np.testing.assert_array_equal(curved(sessions, audio), curved(open_windows(package, "cpu", 1), audio))


def test_a_gpu_asked_for_strictly_is_used_or_refused(package: ModelPackage) -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        open_windows(package, Device(name="cuda:99"), 2)
