"""Every weight that has kept its name is compared with the module's, in every precision."""

from pathlib import Path

import onnx
import pytest
import torch
from onnx import numpy_helper
from part_making import filters, part_of

from rebounce.engine.errors import ModelError
from rebounce.exporters.onnx_file import write_onnx
from rebounce.exporters.precision import PRECISIONS
from rebounce.exporters.weights import check_weights

NAMED = ("down.weight", "down.bias", "up.weight", "up.bias", "middle.bias")


@pytest.fixture(scope="module", params=PRECISIONS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    precision = PRECISIONS[request.param]
    return write_onnx(precision.prepared(part_of(filters())), tmp_path_factory.mktemp("w"), precision.convert)


def test_the_weights_of_a_file_are_those_of_its_module(written: Path) -> None:
    own = filters().state_dict()
    # The matrix of the linear layer was turned by the exporter, and has no name any more.
    assert check_weights(part_of(filters()), written) == sum(own[name].numel() for name in NAMED)


@pytest.mark.parametrize("name", ["down.weight", "up.weight"])
def test_a_tensor_that_is_one_percent_off_is_found_in_every_precision(written: Path, name: str) -> None:
    module = filters()
    module.state_dict()[name].mul_(1.01)
    with pytest.raises(ModelError, match=rf"filters.onnx: {name}\[.*\]: expected .* as in the checkpoint, found"):
        check_weights(part_of(module), written)


def test_one_number_that_is_one_percent_off_is_found_in_float32_and_float16(tmp_path: Path) -> None:
    for name in ("fp32", "fp16"):
        precision = PRECISIONS[name]
        path = write_onnx(precision.prepared(part_of(filters())), tmp_path, precision.convert)
        module = filters()
        module.state_dict()["down.weight"][3, 1, 2] *= 1.01
        with pytest.raises(ModelError, match=r"down.weight\[3, 1, 2\]: .* 1 weights"):
            check_weights(part_of(module), path)


def test_a_number_that_is_nan_in_the_file_is_found(tmp_path: Path) -> None:
    path = write_onnx(part_of(filters()), tmp_path)
    model = onnx.load(path)
    (stored,) = [item for item in model.graph.initializer if item.name == "up.bias"]
    stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) * float("nan"), "up.bias"))
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"up.bias\[0\]: expected .*, found nan"):
        check_weights(part_of(filters()), path)


def test_a_weight_of_another_shape_is_told(tmp_path: Path) -> None:
    path = write_onnx(part_of(filters()), tmp_path)
    module = filters()
    module.register_buffer("turned", torch.zeros(3))
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(torch.zeros(2).numpy(), "turned"))
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"turned: expected \(3,\), found \(2,\)"):
        check_weights(part_of(module), path)
