"""Runs through buffers give what plain runs give, every time, and the caller's arrays are its own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
from onnx import TensorProto, helper

from rebounce.engine.bound_run import BoundRun, is_fixed
from rebounce.engine.onnx_runtime import make_session
from rebounce.engine.onnx_session import Session


def difference() -> bytes:
    """difference = damaged - clean, and twice the clean."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("damaged", "clean")]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("difference", "twice")]
    nodes = [
        helper.make_node("Sub", ["damaged", "clean"], ["difference"]),
        helper.make_node("Add", ["clean", "clean"], ["twice"]),
    ]
    graph = helper.make_graph(nodes, "g", ports, outputs)
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def bound() -> BoundRun:
    runtime_session = make_session(difference(), "cpu", 1, {"batch": 3})
    session = Session("difference", runtime_session)
    assert is_fixed((*session.inputs, *session.outputs))
    return BoundRun(runtime_session, session.inputs, session.outputs, "cpu")


def feeds(seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal((3, 4)).astype(np.float32) for name in ("damaged", "clean")}


def test_each_run_gives_what_its_own_inputs_make() -> None:
    run = bound()
    made = [(feeds(seed), run.run(feeds(seed))) for seed in range(5)]
    for given, (found, twice) in made:
        assert np.array_equal(found, given["damaged"] - given["clean"])
        assert np.array_equal(twice, 2 * given["clean"])


def test_runs_from_several_threads_do_not_mix() -> None:
    run = bound()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda seed: run.run(feeds(seed))[1], range(200)))
    for seed, twice in enumerate(made):
        assert np.array_equal(twice, 2 * feeds(seed)["clean"])


def test_a_model_that_leaves_a_size_open_is_not_bound() -> None:
    session = Session("difference", make_session(difference(), "cpu", 1, {}))
    assert not is_fixed(session.inputs)
