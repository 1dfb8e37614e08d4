"""Each precision makes the file smaller by what it says, and keeps what it computes within what it says."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, numpy_helper
from part_making import FRAMES, filters, noise, part_of, seeded
from torch import Tensor, nn

from rebounce.engine.errors import UsageError
from rebounce.engine.onnx_session import open_session
from rebounce.exporters.onnx_file import check_file, write_onnx
from rebounce.exporters.parity import check_parity
from rebounce.exporters.precision import PRECISIONS, halved, int8_of, precision_named, quantise_weights

WEIGHTS = st.floats(-1e3, 1e3, width=32)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    made = {}
    for name, precision in PRECISIONS.items():
        (folder / name).mkdir()
        made[name] = write_onnx(precision.prepared(part_of(filters())), folder / name, precision.convert)
    return made


@pytest.mark.parametrize(("name", "least", "most"), [("fp32", 0, 1e-4), ("fp16", 1e-5, 1e-2), ("int8", 1e-4, 1e-1)])
def test_what_a_file_computes_is_as_far_off_as_its_precision_allows(
    files: dict[str, Path], name: str, least: float, most: float
) -> None:
    (distance,) = check_parity(part_of(filters()), files[name], most)
    assert distance.difference > least
    assert most <= max(PRECISIONS[name].tolerance, 1e-4)


@pytest.mark.parametrize("name", PRECISIONS)
def test_what_goes_in_and_out_is_float32_in_every_precision(files: dict[str, Path], name: str) -> None:
    session = open_session(files[name], "cpu", 1)
    ports = [*session.inputs, *session.outputs]
    assert [(port.dtype, port.shape) for port in ports] == [("float32", ("batch", 2, FRAMES))] * 2
    check_file(files[name])


def test_weights_take_half_and_a_quarter_of_the_bytes(files: dict[str, Path]) -> None:
    sizes = {name: sum(len(item.raw_data) for item in _weights(path)) for name, path in files.items()}
    assert sizes["fp16"] == sizes["fp32"] / 2
    # Biases stay as they are, and each of the channels has a scale.
    assert sizes["fp32"] / 4 < sizes["int8"] < sizes["fp32"] * 0.35


def test_float16_is_each_number_rounded_under_its_own_name(files: dict[str, Path]) -> None:
    stored = {item.name: numpy_helper.to_array(item) for item in _weights(files["fp16"])}
    for name in ("down.weight", "up.weight", "up.bias"):
        np.testing.assert_array_equal(stored[name], filters().state_dict()[name].numpy().astype(np.float16))


def test_halving_leaves_the_parts_own_module_alone() -> None:
    module = filters()
    half = halved(part_of(module)).module
    assert {value.dtype for value in module.state_dict().values()} == {torch.float32}
    assert half(noise()).dtype == torch.float32


def test_int8_scales_are_those_of_the_output_channels(files: dict[str, Path]) -> None:
    stored = {item.name: numpy_helper.to_array(item) for item in _weights(files["int8"])}
    down, up = (filters().state_dict()[name].numpy() for name in ("down.weight", "up.weight"))
    np.testing.assert_array_equal(stored["down.weight.scale"], np.abs(down).max((1, 2)) / np.float32(127))
    np.testing.assert_array_equal(stored["up.weight.scale"], np.abs(up).max((0, 2)) / np.float32(127))


@settings(max_examples=50, deadline=None)
@example(np.array([[1e-45]], np.float32), 0)
@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=WEIGHTS), st.integers(0, 1)
)
def test_int8_is_never_further_off_than_half_a_step(
    weights: np.ndarray[tuple[int, ...], np.dtype[np.float32]], axis: int
) -> None:
    numbers, scales = int8_of(weights, axis)
    assert (numbers.dtype, scales.shape) == (np.int8, (weights.shape[axis],))
    steps = np.moveaxis(np.broadcast_to(scales, (*np.delete(weights.shape, axis), scales.size)), -1, axis)
    assert np.all(np.abs(numbers * steps - weights) <= 0.5001 * steps)
    assert np.abs(numbers).max(initial=0) <= 127


class Gates(nn.Module):
    """Every kind of weighing that is stored as int8, and two that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.gemm = nn.Linear(FRAMES, 40)
        self.lstm = nn.LSTM(FRAMES, 16, batch_first=True)
        self.table = nn.Embedding(64, 16)
        self.register_buffer("twice", torch.linspace(-1, 1, FRAMES * 16).reshape(FRAMES, 16))

    def forward(self, audio: Tensor) -> Tensor:
        codes = (audio[:, 0] * 10).long().clamp(0, 63)
        looked = self.table(codes).sum(1)
        twice = self.get_buffer("twice")
        mixed = audio[:, 1] @ twice + nn.functional.embedding(codes, twice).sum(1)
        sung, _ = self.lstm(audio)
        return torch.cat([self.gemm(audio[:, 0]), looked, mixed, sung[:, -1]], 1)


def test_weights_of_every_kind_of_weighing_are_stored_and_others_are_left(tmp_path: Path) -> None:
    part = part_of(seeded(Gates))
    path = write_onnx(part, tmp_path, quantise_weights)
    (distance,) = check_parity(part, path, 0.2)
    kinds = {item.name: item.data_type for item in _weights(path)}
    assert distance.difference > 1e-4
    assert kinds["gemm.weight.int8"] == TensorProto.INT8
    assert kinds["table.weight"] == TensorProto.FLOAT
    assert kinds["twice"] == TensorProto.FLOAT  # which is looked up as well
    assert sum(kind == TensorProto.INT8 for kind in kinds.values()) == 3  # of the LSTM both matrices


def test_a_precision_that_is_not_there_is_told() -> None:
    assert precision_named("fp16") is PRECISIONS["fp16"]
    with pytest.raises(UsageError, match="--precision int4: expected fp32, fp16, int8"):
        precision_named("int4")


def _weights(path: Path) -> list[TensorProto]:
    return [item for item in onnx.load(path).graph.initializer if item.data_type != TensorProto.INT64]
