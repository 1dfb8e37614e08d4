"""A file that does not compute what its module computes is refused, by how much and where."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from part_making import Filters, filters, noise, part_of, seeded
from torch import Tensor, nn

from rebounce.engine.errors import ModelError
from rebounce.exporters.onnx_file import write_onnx
from rebounce.exporters.parity import RANDOM_SEEDS, Distance, check_parity, random_inputs, run_module

ENTRIES = torch.linspace(-2, 2, 9)
SLANT = 0.02


class Nearest(nn.Module):
    """The index of the entry nearest to each value; `slant` moves the entries."""

    def __init__(self, slant: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("entries", ENTRIES + slant)

    def forward(self, audio: Tensor) -> Tensor:
        return (audio[..., None] - self.get_buffer("entries")).abs().argmin(-1)


def worse(inputs: Mapping[str, Tensor], expected: Tensor, found: Tensor) -> Tensor:
    far = [(inputs["audio"] - ENTRIES[codes] - SLANT).abs() for codes in (expected, found)]
    return far[1] - far[0]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(part_of(filters()), tmp_path_factory.mktemp("written"))


@pytest.fixture(scope="module")
def nearest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(part_of(Nearest().eval(), file="nearest.onnx"), tmp_path_factory.mktemp("nearest"))


def test_a_file_of_the_module_passes_and_its_distance_is_told(written: Path) -> None:
    (distance,) = check_parity(part_of(filters()), written, 1e-4)
    assert (distance.file, distance.output, distance.agreement) == ("filters.onnx", "made", 1.0)
    assert 0 < distance.difference < 1e-5


@pytest.mark.parametrize("name", list(Filters().state_dict()))
def test_a_weight_that_is_one_percent_off_is_refused(written: Path, name: str) -> None:
    module = filters()
    module.state_dict()[name].mul_(1.01)
    with pytest.raises(
        ModelError, match=r"filters.onnx: expected made within 0.0001 of what torch computes, found 0.0"
    ):
        check_parity(part_of(module), written, 1e-4)


def test_a_difference_is_a_part_of_the_outputs_level(written: Path) -> None:
    module = filters()
    module.get_parameter("up.bias").add_(0.5)
    level = max(float(0.5 / run_module(part_of(module), case)["made"].square().mean().sqrt()) for case in _cases())
    (distance,) = check_parity(part_of(module), written, 10.0)
    assert distance.difference == pytest.approx(level, rel=1e-4)


def test_random_inputs_are_twenty_with_the_level_of_the_example_and_batches_of_two_sizes() -> None:
    part = part_of(filters(), inputs={"audio": 30 * noise()}, codes_below=9)
    drawn = [random_inputs(part, seed)["audio"] for seed in range(RANDOM_SEEDS)]
    assert RANDOM_SEEDS == 20
    assert {item.shape[0] for item in drawn} == {1, 2}
    assert float(torch.cat(drawn).std()) == pytest.approx(30, rel=0.1)
    assert len({float(item[0, 0, 0]) for item in drawn}) == RANDOM_SEEDS
    codes = random_inputs(replace(part, inputs={"codes": torch.zeros(2, 4, 500, dtype=torch.int64)}), 3)["codes"]
    assert (codes.dtype, int(codes.min()), int(codes.max())) == (torch.int64, 0, 8)


class Bad(Filters):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio) * self.value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_passes_nowhere(written: Path, tmp_path: Path, value: float) -> None:
    part = part_of(seeded(lambda: Bad(value)))
    with pytest.raises(ModelError, match=r"found (nan|inf) on the example"):
        check_parity(part, written, 1e9)
    with pytest.raises(ModelError, match=r"found (nan|inf) on the example"):
        check_parity(part_of(filters()), write_onnx(part, tmp_path), 1e9)


def test_an_output_of_another_shape_or_type_is_refused(written: Path) -> None:
    class Longer(Filters):
        def forward(self, audio: Tensor) -> Tensor:
            return nn.functional.pad(super().forward(audio), (0, 1))

    class Wider(Filters):
        def forward(self, audio: Tensor) -> Tensor:
            return super().forward(audio).double()

    for kind in (Longer, Wider):
        with pytest.raises(ModelError, match="found inf on the example"):
            check_parity(part_of(seeded(kind)), written, 1e9)


def test_choices_that_are_equal_pass_at_no_distance(nearest: Path) -> None:
    (distance,) = check_parity(part_of(Nearest().eval(), file="nearest.onnx"), nearest, 0.0)
    assert distance == Distance(file="nearest.onnx", output="made", difference=0.0, agreement=1.0)


def test_choices_may_differ_only_where_they_are_near_ties(nearest: Path) -> None:
    slanted = part_of(Nearest(SLANT).eval(), file="nearest.onnx", gaps={"made": worse})
    (distance,) = check_parity(slanted, nearest, 0.05)
    # Entries that were moved by the slant change the choice within one slant of a middle, where two slants are between
    # the two distances at most.
    assert 0.9 < distance.agreement < 1
    assert SLANT < distance.difference <= 2 * SLANT + 1e-6
    with pytest.raises(ModelError, match=r"nearest.onnx: expected made within 0.001"):
        check_parity(slanted, nearest, 0.001)


def test_choices_without_a_rule_for_ties_must_be_equal(nearest: Path) -> None:
    with pytest.raises(ModelError, match="found inf on"):
        check_parity(part_of(Nearest(SLANT).eval(), file="nearest.onnx"), nearest, 1e9)


def test_an_output_of_zeros_has_the_least_level_there_is(tmp_path: Path) -> None:
    class Silent(nn.Module):
        def forward(self, audio: Tensor) -> Any:
            return audio * 0

    part = part_of(seeded(Silent))
    (distance,) = check_parity(part, write_onnx(part, tmp_path), 1e-4)
    assert distance.difference == 0.0


def _cases() -> list[dict[str, Tensor]]:
    part = part_of(filters())
    return [part.inputs, *(random_inputs(part, seed) for seed in range(RANDOM_SEEDS))]


def test_the_module_is_run_with_what_is_shared() -> None:
    class Scaled(nn.Module):
        def forward(self, audio: Tensor, table: Tensor) -> Tensor:
            return audio * table

    part = part_of(Scaled().eval(), shared={"table": torch.tensor(3.0)})
    np.testing.assert_array_equal(run_module(part, part.inputs)["made"], 3 * noise())
