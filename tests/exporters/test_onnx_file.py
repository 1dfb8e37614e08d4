"""A module's ONNX file computes what the module computes, for any batch, and says nothing of where it was made."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from part_making import FRAMES, filters, noise, part_of, seeded
from torch import Tensor, nn

from rebounce.engine.errors import ModelError
from rebounce.engine.onnx_session import open_session
from rebounce.exporters import onnx_file
from rebounce.exporters.onnx_file import IR_VERSION, OPSET, check_file, write_onnx
from rebounce.exporters.part import Part

TABLE = torch.arange(24, dtype=torch.float16).reshape(6, 4)


class Rows(nn.Module):
    def forward(self, codes: Tensor, table: Tensor) -> Tensor:
        return nn.functional.embedding(codes, table.float())


class Sums(nn.Module):
    def forward(self, audio: Tensor, table: Tensor) -> Tensor:
        return audio @ table.float().sum(0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(part_of(filters()), tmp_path_factory.mktemp("written"))


def test_a_file_computes_what_its_module_computes_for_any_batch(written: Path) -> None:
    module, session = filters(), open_session(written, "cpu", 1)
    for batch in (1, 2, 5):
        audio = noise(batch, seed=batch)
        np.testing.assert_allclose(session.run({"audio": audio.numpy()})["made"], module(audio), rtol=0, atol=1e-5)
    assert session.inputs[0].shape == ("batch", 2, FRAMES)
    assert session.outputs[0].shape == ("batch", 2, FRAMES)


def test_a_file_is_of_the_opset_and_the_version_that_are_pinned(written: Path) -> None:
    model = onnx.load(written)
    assert (model.ir_version, [(item.domain, item.version) for item in model.opset_import]) == (
        IR_VERSION,
        [("", OPSET)],
    )
    check_file(written)


def test_weights_keep_the_names_that_they_have_in_the_module(written: Path) -> None:
    stored = {item.name: onnx.numpy_helper.to_array(item) for item in onnx.load(written).graph.initializer}
    own = filters().state_dict()
    for name in ("down.weight", "down.bias", "up.weight", "up.bias"):
        np.testing.assert_array_equal(stored[name], own[name])


def test_equal_modules_give_equal_bytes_that_name_no_place_of_this_machine(written: Path, tmp_path: Path) -> None:
    again = write_onnx(part_of(filters()), tmp_path)
    assert again.read_bytes() == written.read_bytes()
    for place in (Path(__file__).parent, Path(torch.__file__).parent, Path.home()):
        assert str(place).encode() not in written.read_bytes()


def test_a_shared_weight_is_stored_once_and_used_by_every_part(tmp_path: Path) -> None:
    codes = torch.tensor([[0, 5], [3, 3]])
    rows = Part(
        file="rows.onnx",
        module=Rows().eval(),
        inputs={"codes": codes},
        outputs=("rows",),
        tolerance=0.0,
        shared={"table": TABLE},
    )
    sums = part_of(Sums().eval(), file="sums.onnx", inputs={"audio": torch.ones(2, 3, 4)}, shared={"table": TABLE})
    for part in (rows, sums):
        write_onnx(part, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.onnx", "sums.onnx", "table.bin"]
    assert (tmp_path / "table.bin").read_bytes() == TABLE.numpy().tobytes()
    assert all((tmp_path / name).stat().st_size < 2_000 for name in ("rows.onnx", "sums.onnx"))
    found = open_session(tmp_path / "rows.onnx", "cpu", 1).run({"codes": codes.numpy()})["rows"]
    np.testing.assert_array_equal(found, TABLE.float()[codes])
    summed = open_session(tmp_path / "sums.onnx", "cpu", 1).run({"audio": np.ones((1, 3, 4), np.float32)})["made"]
    np.testing.assert_array_equal(summed, np.full((1, 3), float(TABLE.sum()), np.float32))


def test_what_is_too_large_for_one_file_lies_beside_it(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "LARGEST_FILE_BYTES", 4_000)
    path = write_onnx(part_of(filters()), tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["filters.onnx", "filters.onnx.data"]
    assert path.stat().st_size < 4_000 < (tmp_path / "filters.onnx.data").stat().st_size
    audio = noise(3).numpy()
    outside, inside = (open_session(item, "cpu", 1).run({"audio": audio})["made"] for item in (path, written))
    np.testing.assert_array_equal(outside, inside)


def test_a_module_that_cannot_be_written_is_told_with_the_reason(tmp_path: Path) -> None:
    class Asks(nn.Module):
        def forward(self, audio: Tensor) -> Tensor:
            return audio if audio.sum() > 0 else -audio

    with pytest.raises(ModelError, match=r"filters.onnx: expected a network that torch can write as ONNX, found"):
        write_onnx(part_of(seeded(Asks)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_checker_refuses_is_told(written: Path, tmp_path: Path) -> None:
    model = onnx.load(written)
    model.graph.node[0].op_type = "NoSuchThing"
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=r"odd.onnx: expected a file that onnx.checker passes, found .*NoSuchThing"):
        check_file(tmp_path / "odd.onnx")
