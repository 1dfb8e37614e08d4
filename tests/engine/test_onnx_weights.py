"""What a model says of its weights is found wherever it says it, and weights come only from files beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_packages import adder, weights_of

from rebounce.engine.errors import ModelError
from rebounce.engine.onnx_session import open_session
from rebounce.engine.onnx_weights import Weights, check_places, read_weights

F32 = TensorProto.FLOAT


def _far(name: str, place: str = "far.bin") -> TensorProto:
    tensor = TensorProto(name=name, data_type=F32, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=place)
    return tensor


def _graph(nodes: list[onnx.NodeProto], tensors: list[TensorProto], name: str = "g") -> onnx.GraphProto:
    value = helper.make_tensor_value_info("x", F32, [2, 3])
    return helper.make_graph(nodes, name, [value], [value], tensors)


def _places(model: onnx.ModelProto) -> list[tuple[str, tuple[str, ...]]]:
    return [(item.name, item.places) for item in read_weights(model.SerializeToString(), "m.onnx")]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.zeros((3, 5), np.float32), 1),
        (np.zeros((3, 5), np.float16), 10),
        (np.zeros((3, 5), np.int8), 3),
        (np.zeros((3, 5), np.int64), 7),
    ],
)
def test_weights_inside_are_told_with_their_type_and_size(
    tmp_path: Path, array: np.ndarray[Any, Any], kind: int
) -> None:
    model = helper.make_model(_graph([], [numpy_helper.from_array(array, "w")]))
    path = tmp_path / "m.onnx"
    onnx.save_model(model, path)
    (from_file,) = read_weights(path, "m.onnx")
    (from_bytes,) = read_weights(path.read_bytes(), "m.onnx")
    assert from_file == from_bytes
    assert (from_file.name, from_file.kind, from_file.places) == ("w", kind, ())
    assert array.nbytes <= from_file.bytes <= array.nbytes + 40


def test_weights_that_onnx_itself_put_into_another_file_are_told_with_their_place(tmp_path: Path) -> None:
    arrays = [np.full((40, 50), value, np.float32) for value in (1, 2)]
    tensors = [numpy_helper.from_array(array, f"w{index}") for index, array in enumerate(arrays)]
    path = tmp_path / "m.onnx"
    model = helper.make_model(_graph([], tensors))
    onnx.save_model(model, path, save_as_external_data=True, location="m.data", size_threshold=0)
    found = read_weights(path, "m.onnx")
    assert [(item.bytes, item.length, item.places) for item in found] == [(8000, 8000, ("m.data",))] * 2
    assert (tmp_path / "m.data").stat().st_size == max(item.offset for item in found) + 8000
    check_places(path, "m.onnx", found)


def test_places_are_found_wherever_a_model_can_name_them() -> None:
    sparse = helper.make_sparse_tensor(_far("values"), _far("indices"), [9])
    inner = _graph(
        [helper.make_node("Constant", [], ["c"], value=_far("in an inner graph"))], [_far("of an inner graph")]
    )
    nodes = [
        helper.make_node("Constant", [], ["a"], value=_far("in a node")),
        helper.make_node("Custom", [], ["b"], many=[_far("first"), _far("second")]),
        helper.make_node("If", ["x"], ["d"], then_branch=inner, else_branch=_graph([], [])),
        helper.make_node("Custom", [], ["e"], graphs=[_graph([], [_far("in a list of graphs")])]),
    ]
    model = helper.make_model(_graph(nodes, [_far("plain")]))
    model.graph.sparse_initializer.append(sparse)
    body = helper.make_node("Constant", [], ["y"], value=_far("in a function"))
    model.functions.append(helper.make_function("own", "F", [], ["y"], [body], []))
    model.training_info.add().initialization.CopyFrom(_graph([], [_far("for training")]))
    expected = {
        *("plain", "in a node", "first", "second", "in an inner graph", "of an inner graph", "in a list of graphs"),
        *("values", "indices", "in a function", "for training"),
    }
    assert {name for name, places in _places(model) if places == ("far.bin",)} == expected


def test_a_place_counts_whatever_else_the_tensor_says() -> None:
    hidden = _far("w")
    hidden.data_location = TensorProto.DEFAULT
    twice = _far("v")
    twice.external_data.add(key="location", value="second.bin")
    nowhere = TensorProto(name="u", data_type=F32, dims=[1], data_location=TensorProto.EXTERNAL)
    found = _places(helper.make_model(_graph([], [hidden, twice, nowhere])))
    assert found == [("w", ("far.bin",)), ("v", ("far.bin", "second.bin")), ("u", ("",))]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("../out.bin", "expected the weights 'weights' in a file beside it, found '../out.bin'"),
        ("inner/../../out.bin", "in a file beside it, found"),
        ("/etc/passwd", "in a file beside it, found '/etc/passwd'"),
        ("link.bin", "in a file beside it, found 'link.bin'"),
        ("inner/out.bin", "in a file beside it, found 'inner/out.bin'"),
        ("C:\\out.bin", "in a file beside it, found"),
        ("", "in a file beside it, found ''"),
        ("*/_ORT_MEM_ADDR_/*", "in a file beside it, found"),
        ("none.bin", "expected the weights 'weights' in none.bin, found no such file"),
        ("folder", "in folder, found no such file"),
    ],
)
def test_weights_from_anywhere_else_are_refused_before_anything_is_loaded(
    tmp_path: Path, place: str, told: str
) -> None:
    home = tmp_path / "package"
    (home / "folder").mkdir(parents=True)
    (tmp_path / "out.bin").write_bytes(weights_of())
    (home / "link.bin").symlink_to(tmp_path / "out.bin")
    (home / "inner").symlink_to(tmp_path)
    (home / "m.onnx").write_bytes(adder(place=place))
    with pytest.raises(ModelError, match=r"^m\.onnx: ") as caught:
        open_session(home / "m.onnx", "cpu", 1)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"offset": 4}, "in w.bin from byte 4 to 1924, found 1920 bytes"),
        ({"offset": 0, "length": 1921}, "from byte 0 to 1921, found 1920 bytes"),
        ({"offset": -4}, "from byte -4 to 1916, found 1920 bytes"),
        ({"offset": "nine"}, "offset = 'nine' is no number of bytes"),
        ({"length": "9" * 5000}, "is no number of bytes"),
    ],
)
def test_a_file_that_is_too_short_is_told_with_what_was_expected(
    tmp_path: Path, entries: dict[str, Any], told: str
) -> None:
    (tmp_path / "w.bin").write_bytes(weights_of())
    (tmp_path / "m.onnx").write_bytes(adder(place="w.bin", **entries))
    with pytest.raises(ModelError) as caught:
        open_session(tmp_path / "m.onnx", "cpu", 1)
    assert told in str(caught.value)


def test_weights_from_a_file_beside_the_model_are_taken(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/w.bin").write_bytes(weights_of(2.5))
    (tmp_path / "m.onnx").write_bytes(adder(place="deep/w.bin", offset=0, length=1920))
    audio = np.ones((1, 2, 480), np.float32)
    assert np.array_equal(open_session(tmp_path / "m.onnx", "cpu", 1).run({"audio": audio})["louder"], audio + 2.5)


def test_a_model_in_memory_has_no_file_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.bin").write_bytes(weights_of())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ModelError, match=r"model: expected a model that is whole, found weights in another file, 'w.bin'"
    ):
        open_session(adder(place="w.bin"), "cpu", 1)


@pytest.mark.parametrize(
    "data",
    [
        b"\x3a\x05ab",  # a graph of five bytes, of which two are there
        b"\x3b",  # a group, which protobuf gave up
        b"\x80" * 11,  # a number that does not end
        b"\x3a",  # no length
        b"\x3a\x04" + b"\x2a\x02" + b"\x12\x7f",  # a tensor in it that ends too early
        b"\x3a\x0a\x2a\x08\x6a\x06\x0a\x04\xff\xfe\xff\xfe",  # a place that is no text
    ],
)
def test_bytes_that_are_no_model_are_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    for model in (data, path):
        with pytest.raises(ModelError, match=r"m.onnx: expected an ONNX model, found that .*; the file is damaged"):
            read_weights(model, "m.onnx")


def test_graphs_in_each_other_without_end_are_no_model() -> None:
    graph = b""
    for _ in range(40):  # in a node's attribute
        graph = _field(1, _field(5, _field(6, graph)))
    with pytest.raises(ModelError, match="more than 64 messages in each other"):
        read_weights(_field(7, graph), "m.onnx")


@pytest.mark.parametrize("is_packed", [True, False])
def test_a_tensor_of_dimensions_without_end_is_no_model(is_packed: bool) -> None:
    dims = _field(1, b"\xff\x7f" * 300_000) if is_packed else b"\x08\x7f" * 300_000
    with pytest.raises(ModelError, match="a tensor of more than 64 dimensions"):
        read_weights(_field(7, _field(5, dims)), "m.onnx")


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _length(data) + data


def _length(data: bytes) -> bytes:
    size, found = len(data), b""
    while size > 0x7F:
        found += bytes([size & 0x7F | 0x80])
        size >>= 7
    return found + bytes([size])


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    assert read_weights(tmp_path / "m.onnx", "m.onnx") == []


def test_a_model_that_was_cut_off_is_told_or_holds_no_weights() -> None:
    whole = adder()
    assert read_weights(whole, "m.onnx") == [Weights(name="weights", kind=1, bytes=1937)]
    for end in range(0, len(whole), 7):
        try:
            found = read_weights(whole[:end], "m.onnx")
        except ModelError:
            continue
        assert found == []
