"""Weights from files of any kind, their hash, and those that are refused."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rebounce.engine.errors import CodecError
from rebounce.training.encodec_weights import (
    CHECKPOINT,
    State,
    blank_model,
    load_model,
    random_weights,
    read_weights,
    save_weights,
    weights_sha256,
)

SMALL = {"b.weight": torch.arange(6.0).reshape(2, 3), "a": torch.ones(1)}


@pytest.fixture(scope="module")
def state() -> State:
    return random_weights(0)


def test_the_same_weights_have_the_same_hash_whatever_file_they_come_from(tmp_path: Path) -> None:
    save_weights(tmp_path / "plain.safetensors", SMALL)
    save_weights(tmp_path / "safetensors_named.th", SMALL)
    torch.save(SMALL, tmp_path / "zip.th")
    torch.save(SMALL, tmp_path / "old.th", _use_new_zipfile_serialization=False)
    torch.save(dict(reversed(SMALL.items())), tmp_path / "other_order")
    hashes = {path.name: weights_sha256(read_weights(path)) for path in tmp_path.iterdir()}
    assert hashes == dict.fromkeys(hashes, weights_sha256(SMALL))


@pytest.mark.parametrize(
    "other",
    [
        {**SMALL, "a": torch.zeros(1)},
        {**SMALL, "a": torch.ones(1, 1)},
        {**SMALL, "a": torch.ones(1, dtype=torch.float64)},
        {"b.weight": SMALL["b.weight"], "c": SMALL["a"]},
        {"a": SMALL["a"]},
    ],
)
def test_other_values_shapes_types_and_names_have_another_hash(other: State) -> None:
    assert weights_sha256(other) != weights_sha256(SMALL)


class Harm:
    """What a pickle file may do to whoever opens it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("is_zip", [True, False])
def test_what_is_in_a_file_is_never_run(is_zip: bool, tmp_path: Path) -> None:
    path, mark = tmp_path / "weights.th", tmp_path / "mark"
    torch.save({"a": Harm(mark)}, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(CodecError) as told:
        read_weights(path)
    assert str(path) in str(told.value)
    # torch's own message advises to run it.
    assert "weights_only" not in str(told.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"no weights at all", b"RIFF" + bytes(40), b"PK\3\4" + bytes(40), bytes(8) + b"{}"]
)
def test_a_file_of_another_kind_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.th"
    path.write_bytes(content)
    with pytest.raises(CodecError, match=rf"{re.escape(str(path))}: .*--weights FILE"):
        read_weights(path)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "old"])
def test_a_file_that_was_cut_off_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    if kind == "safetensors":
        save_weights(path, SMALL)
    else:
        torch.save(SMALL, path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CodecError, match=r"weights: expected .* damaged file"):
        read_weights(path)


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="nowhere: the weights cannot be read: No such file"):
        read_weights(tmp_path / "nowhere")
    with pytest.raises(CodecError, match="the weights cannot be read"):
        read_weights(tmp_path)


@pytest.mark.parametrize("content", [[torch.ones(1)], {"a": {"b": torch.ones(1)}}, {"epoch": 3}])
def test_a_file_of_something_else_than_tensors_by_name_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.th")
    with pytest.raises(CodecError, match="expected a state dict of tensors by name"):
        read_weights(tmp_path / "weights.th")


def test_another_file_under_the_name_of_the_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    torch.save(SMALL, path)
    with pytest.raises(CodecError, match=rf"{CHECKPOINT}: expected a file whose SHA-256 begins with 7e698e3e, found "):
        read_weights(path)


def test_random_weights_fit_the_model_and_follow_the_seed(state: State) -> None:
    assert set(state) == set(blank_model().state_dict())
    assert weights_sha256(random_weights(0)) == weights_sha256(state)
    assert weights_sha256(random_weights(1)) != weights_sha256(state)


def test_random_weights_leave_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_model(random_weights(0), "test")
    assert torch.rand(1) == expected


def test_a_model_holds_the_weights_it_was_given_in_float32(state: State) -> None:
    halved = {name: tensor.half() for name, tensor in state.items()}
    model = load_model(halved, "test")
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    assert weights_sha256(load_model(state, "test").state_dict()) == weights_sha256(state)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_weights_of_another_model_are_refused_with_the_tensor_that_tells(state: State) -> None:
    name = "decoder.model.1.lstm.weight_hh_l0"
    cases = {
        rf"my.th: tensor {name}: expected \(2048, 512\), found no such tensor": {
            key: value for key, value in state.items() if key != name
        },
        rf"my.th: tensor {name}: expected \(2048, 512\), found \(512, 2048\)": {**state, name: state[name].T},
        r"my.th: tensor more: expected no such tensor, found \(1,\)": {**state, "more": torch.ones(1)},
        rf"my.th: tensor {name}: expected numbers, found NaN": {**state, name: state[name] * np.nan},
    }
    for message, other in cases.items():
        with pytest.raises(CodecError, match=message):
            load_model(other, "my.th")


NAME = "decoder.model.1.lstm.weight_hh_l0"


@pytest.mark.filterwarnings("ignore")  # torch calls two of these kinds old or unfinished
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda tensor: tensor.to(torch.complex64), "torch.complex64"),
        (lambda tensor: tensor.to(torch.int32), "torch.int32"),
        (lambda tensor: tensor > 0, "torch.bool"),
        (lambda tensor: tensor.to_sparse(), "layout torch.sparse_coo"),
        (lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8), "torch.qint8"),
        (lambda tensor: torch.empty(tensor.shape, device="meta"), "on meta"),
    ],
)
def test_weights_of_a_kind_that_float32_cannot_take_over_are_refused(
    state: State, change: Callable[[torch.Tensor], torch.Tensor], kind: str
) -> None:
    with pytest.raises(CodecError, match=rf"my.th: tensor {NAME}: expected plain floating-point numbers, .*{kind}"):
        load_model({**state, NAME: change(state[NAME])}, "my.th")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_floating_point_of_any_width_is_taken(state: State, dtype: torch.dtype) -> None:
    model = load_model({**state, NAME: state[NAME].to(dtype)}, "my.th")
    assert torch.equal(model.state_dict()[NAME], state[NAME].to(dtype).to(torch.float32))
