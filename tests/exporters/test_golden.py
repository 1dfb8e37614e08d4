"""Golden arrays are what a file computes, and leave out what another processor may choose otherwise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from part_making import filters, noise, part_of
from torch import Tensor, nn

from rebounce.engine.model_manifest import Golden
from rebounce.engine.onnx_session import Session, open_session
from rebounce.exporters.golden import write_golden
from rebounce.exporters.onnx_file import write_onnx
from rebounce.exporters.part import Part


class Choice(nn.Module):
    """The louder side, and by how much."""

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        levels = audio.square().mean(2)
        return levels.argmax(1), levels[:, 0] - levels[:, 1]


@pytest.fixture(scope="module")
def choice(tmp_path_factory: pytest.TempPathFactory) -> Session:
    part = part_of(Choice().eval(), outputs=("louder", "by"))
    return open_session(write_onnx(part, tmp_path_factory.mktemp("choice")), "cpu", 1)


def arrays(folder: Path, golden: Golden) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    with np.load(folder / golden.inputs) as inputs, np.load(folder / golden.outputs) as outputs:
        return dict(inputs), dict(outputs)


def test_golden_outputs_are_what_the_file_gives_for_one_example(tmp_path: Path) -> None:
    part = part_of(filters())
    session = open_session(write_onnx(part, tmp_path), "cpu", 1)
    golden = write_golden(part, session, tmp_path, tolerance=1e-3)
    inputs, outputs = arrays(tmp_path, golden)
    np.testing.assert_array_equal(inputs["audio"], noise()[:1])
    np.testing.assert_array_equal(outputs["made"], session.run(inputs)["made"])
    level = float(np.sqrt(np.mean(np.square(outputs["made"]))))
    assert golden.model == "filters.onnx"
    assert golden.tolerance == pytest.approx(1e-3 * level, rel=1e-2)


def test_choices_are_left_out_unless_the_part_has_inputs_for_which_they_are_clear(
    choice: Session, tmp_path: Path
) -> None:
    clear = {"audio": torch.ones(1, 2, 64) * torch.tensor([[[1.0], [3.0]]])}
    unclear, sure = (part_of(Choice().eval(), outputs=("louder", "by"), golden=item) for item in ({}, clear))
    names = [sorted(arrays(tmp_path, write_golden(part, choice, tmp_path, 0.1))[1]) for part in (unclear, sure)]
    assert names == [["by"], ["by", "louder"]]
    inputs, outputs = arrays(tmp_path, write_golden(sure, choice, tmp_path, 0.1))
    assert (inputs["audio"].shape, outputs["louder"].tolist(), outputs["by"].tolist()) == ((1, 2, 64), [1], [-8.0])


def test_equal_files_have_equal_golden_bytes(choice: Session, tmp_path: Path) -> None:
    part: Part = part_of(Choice().eval(), outputs=("louder", "by"))
    golden = write_golden(part, choice, tmp_path, 0.1)
    before = [(tmp_path / name).read_bytes() for name in (golden.inputs, golden.outputs)]
    write_golden(part, choice, tmp_path, 0.1)
    assert before == [(tmp_path / name).read_bytes() for name in (golden.inputs, golden.outputs)]
