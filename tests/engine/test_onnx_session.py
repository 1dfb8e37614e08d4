"""Models run as NumPy computes them, on the device they say, and wrong inputs are told apart."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from rebounce.engine.cuda import Driver
from rebounce.engine.devices import Device, choose_device
from rebounce.engine.errors import DeviceError, ModelError, UsageError
from rebounce.engine.onnx_session import open_session, open_sessions

WEIGHTS = np.random.default_rng(7).standard_normal((24, 16)).astype(np.float32)
BIAS = np.random.default_rng(8).standard_normal(16).astype(np.float32)


def _value(name: str, sizes: Sequence[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, sizes)


def _model(nodes: Sequence[onnx.NodeProto], inputs: Any, outputs: Any, opset: int = 17, ir_version: int = 8) -> bytes:
    weights = [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(BIAS, "bias")]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
    return bytes(model.SerializeToString())


LAYER = _model(
    [
        helper.make_node("MatMul", ["x", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
    ],
    [_value("x", ["batch", 24])],
    [_value("y", ["batch", 16])],
)
PAIR = _model(
    [helper.make_node("Sub", ["damaged", "clean"], ["difference"])],
    [_value("damaged", [2, 4]), _value("clean", [2, 4])],
    [_value("difference", [2, 4])],
)


def _layer(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    result: np.ndarray[Any, Any] = np.maximum(x.astype(np.float64) @ WEIGHTS + BIAS, 0)
    return result


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 40), seed=st.integers(0, 2**16), threads=st.sampled_from([1, 2, None]))
def test_a_layer_equals_numpy_for_any_batch_and_thread_count(batch: int, seed: int, threads: int | None) -> None:
    x = np.random.default_rng(seed).standard_normal((batch, 24)).astype(np.float32)
    found = open_session(LAYER, "cpu", threads).run({"x": x})
    assert list(found) == ["y"]
    np.testing.assert_allclose(found["y"], _layer(x), rtol=1e-5, atol=1e-5)


def test_thread_count_and_batching_do_not_change_a_bit_on_cpu() -> None:
    x = np.random.default_rng(1).standard_normal((33, 24)).astype(np.float32)
    one, two = open_session(LAYER, "cpu", 1), open_session(LAYER, "cpu", 2)
    whole = one.run({"x": x})["y"]
    assert np.array_equal(whole, two.run({"x": x})["y"])
    assert np.array_equal(whole, open_session(LAYER, "cpu", None).run({"x": x})["y"])


def test_one_session_serves_several_threads_at_once() -> None:
    session = open_session(LAYER, "cpu", 1)
    pieces = [np.random.default_rng(i).standard_normal((5, 24)).astype(np.float32) for i in range(16)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: session.run({"x": x})["y"], pieces))
    assert all(np.array_equal(a, session.run({"x": x})["y"]) for a, x in zip(found, pieces, strict=True))


def test_a_file_with_spaces_and_umlauts_opens_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "möd el.onnx"
    path.write_bytes(PAIR)
    session = open_session(path, "cpu", 1)
    a, b = np.full((2, 4), 3, np.float32), np.full((2, 4), 1, np.float32)
    assert np.array_equal(session.run({"clean": b, "damaged": a})["difference"], a - b)
    assert (session.name, session.device, session.message) == ("möd el.onnx", "cpu", None)


def test_ports_tell_names_types_and_open_sizes() -> None:
    session = open_session(LAYER, "cpu", 1)
    assert [(port.name, port.dtype, port.shape) for port in session.inputs] == [("x", "float32", ("batch", 24))]
    assert [(port.name, port.shape) for port in session.outputs] == [("y", ("batch", 16))]


def test_a_size_that_was_fixed_is_held_to() -> None:
    session = open_session(LAYER, "cpu", 1, {"batch": 3})
    assert session.inputs[0].shape == (3, 24)
    assert session.run({"x": np.zeros((3, 24), np.float32)})["y"].shape == (3, 16)
    with pytest.raises(ModelError, match=r"expected input 'x' as float32 \(3, 24\), got float32 \(4, 24\)"):
        session.run({"x": np.zeros((4, 24), np.float32)})


def test_an_array_that_is_not_contiguous_is_taken() -> None:
    x = np.random.default_rng(2).standard_normal((24, 6)).astype(np.float32).T
    found = open_session(LAYER, "cpu", 1).run({"x": x})["y"]
    np.testing.assert_allclose(found, _layer(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((2, 25), np.float32), r"float32 \(2, 25\)"),
        (np.zeros(24, np.float32), r"float32 \(24\)"),
        (np.zeros((2, 24), np.float64), r"float64 \(2, 24\)"),
        (np.zeros((2, 24), ">f4"), r">f4 \(2, 24\)"),
    ],
)
def test_a_wrong_shape_or_type_is_told_with_what_was_expected(array: Any, found: str) -> None:
    with pytest.raises(ModelError, match=rf"model: expected input 'x' as float32 \(batch, 24\), got {found}"):
        open_session(LAYER, "cpu", 1).run({"x": array})


def test_a_wrong_or_missing_name_is_told_with_the_right_ones() -> None:
    session, array = open_session(PAIR, "cpu", 1), np.zeros((2, 4), np.float32)
    with pytest.raises(ModelError, match=r"expected the inputs damaged, clean, found 'claen'; did you mean 'clean'\?"):
        session.run({"damaged": array, "claen": array})
    with pytest.raises(ModelError, match=r"expected the inputs damaged, clean, found no clean"):
        session.run({"damaged": array})


def test_a_run_that_fails_inside_the_model_is_a_model_error(capfd: pytest.CaptureFixture[str]) -> None:
    gather = _model(
        [helper.make_node("Gather", ["weights", "rows"], ["y"])],
        [_value("rows", ["n"], TensorProto.INT64)],
        [_value("y", ["n", 16])],
    )
    session = open_session(gather, "cpu", 1)
    assert np.array_equal(session.run({"rows": np.array([3, 0])})["y"], WEIGHTS[[3, 0]])
    with pytest.raises(
        ModelError, match=r"expected numbers that the model has a row for, found one out of range .*idx=24"
    ):
        session.run({"rows": np.array([24])})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"hello, this is no model", "damaged or is not a model"), (b"", "damaged or is not a model")],
)
def test_a_file_that_is_no_model_is_a_model_error(
    tmp_path: Path, content: bytes, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"^broken.onnx: .*{reason}"):
        open_session(path, "cpu", 1)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none.onnx: expected an ONNX model at .*none.onnx, found no such file"):
        open_session(tmp_path / "none.onnx", "cpu", 1)


@pytest.mark.parametrize(
    ("opset", "ir_version", "told"),
    [
        (99, 8, r"expected opset \d+ or older, the newest that onnxruntime .* reads, found 99, a newer format"),
        (17, 99, r"expected IR version \d+ or older, the newest that onnxruntime .* reads, found 99, a newer format"),
    ],
)
def test_a_model_newer_than_the_runtime_is_told_apart_from_a_damaged_one(
    opset: int, ir_version: int, told: str
) -> None:
    newer = _model([helper.make_node("Relu", ["x"], ["y"])], [_value("x", [1])], [_value("y", [1])], opset, ir_version)
    with pytest.raises(ModelError, match=f"^model: {told}; update onnxruntime or export"):
        open_session(newer, "cpu", 1)


@pytest.mark.parametrize(("name", "domain"), [("Tomorrow", ""), ("Tomorrow", "com.example")])
def test_an_operator_that_the_runtime_has_not_is_named(name: str, domain: str) -> None:
    node = helper.make_node(name, ["x"], ["y"], domain=domain)
    graph = helper.make_graph([node], "g", [_value("x", [1])], [_value("y", [1])])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain or "ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    with pytest.raises(
        ModelError, match=f"expected operators that onnxruntime .* has, found (com.example:)?{name}; update"
    ):
        open_session(model.SerializeToString(), "cpu", 1)


def test_no_threads_at_all_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="threads = 0: expected at least 1"):
        open_session(LAYER, "cpu", 0)


def test_a_strict_device_is_refused_before_the_model_is_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeviceError, match="--device cuda:99: expected an NVIDIA GPU that works"):
        open_session(tmp_path / "not even there.onnx", "cuda:99", 1)
    assert capfd.readouterr() == ("", "")


def test_auto_opens_on_the_device_that_choosing_names() -> None:
    session = open_session(LAYER, "auto", 1)
    chosen = choose_device("auto")
    assert (session.device, session.message) == (chosen.name, chosen.message)


def test_auto_gives_way_once_for_a_whole_set_when_the_card_cannot_run_a_model(
    capfd: pytest.CaptureFixture[str],
) -> None:
    hopeful = Device(name="cuda:99", is_strict=False)
    opened = open_sessions({"layer.onnx": LAYER, "pair.onnx": PAIR}, hopeful, 1)
    assert opened.device == "cpu"
    assert {session.device for session in opened.sessions.values()} == {"cpu"}
    assert opened.message is not None
    assert "cuda:99" in opened.message
    assert opened.message.endswith("The CPU does the work.")
    assert "\n" not in opened.message
    x = np.ones((2, 24), np.float32)
    np.testing.assert_allclose(opened.sessions["layer.onnx"].run({"x": x})["y"], _layer(x), rtol=1e-5, atol=1e-5)
    assert capfd.readouterr() == ("", "")


def test_a_strict_device_that_cannot_run_a_model_never_gives_way(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        open_session(LAYER, Device(name="cuda:99"), 1)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_is_bad_everywhere_is_not_blamed_on_the_device() -> None:
    with pytest.raises(ModelError, match="expected an ONNX model"):
        open_session(b"no model", Device(name="cuda:99"), 1)


def test_a_line_that_was_shown_when_the_device_was_chosen_is_not_repeated() -> None:
    shown = Device(name="cpu", message="The GPU is not used", is_strict=False)
    assert open_session(LAYER, shown, 1).message is None


def test_no_card_means_cpu_and_silence() -> None:
    chosen = choose_device("auto", Driver(fault="no NVIDIA driver was found", is_installed=False))
    session = open_session(LAYER, chosen, 1)
    assert (session.device, session.message) == ("cpu", None)
