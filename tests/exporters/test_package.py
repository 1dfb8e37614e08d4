"""A package is there whole, with every file compared, or it is not there."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx_ir
import pytest
import torch
from part_making import FRAMES, Filters, part_of, seeded
from tiny_packages import tiny_codec_package, tiny_restorer_package
from torch import Tensor

from rebounce.engine.checked_table import Scalar
from rebounce.engine.codec_models import codec_id_of, open_codec_models
from rebounce.engine.codec_settings import CODEBOOKS, CODEC_FILES
from rebounce.engine.errors import ModelError, OutputError, UsageError
from rebounce.engine.model_manifest import Manifest
from rebounce.engine.model_package import load_package, verify_package
from rebounce.exporters.package import PackagePlan, is_package, write_package
from rebounce.exporters.part import Part
from rebounce.exporters.precision import PRECISIONS

MANIFEST = Manifest(
    name="filters",
    version="1",
    kind="filters",
    sample_rate_hz=48_000,
    channels=2,
    window_frames=FRAMES,
    hop_frames=FRAMES,
    context_frames=0,
    licence="GPL-3.0-or-later",
    training_data_card="None.",
    inputs=(),
    outputs=(),
)


def settings(files: Mapping[str, str]) -> dict[str, Scalar]:
    return {"weights": files["filters.onnx"]}


def plan(*parts: Part) -> PackagePlan:
    return PackagePlan(manifest=MANIFEST, parts=parts, settings=settings)


class Deaf(Filters):
    """A network that is exported with its weights one percent off."""

    def forward(self, audio: Tensor) -> Tensor:
        made = super().forward(audio)
        return made * 1.01 if torch.compiler.is_exporting() else made


def test_a_package_holds_its_files_with_their_ports_hashes_and_golden_arrays(tmp_path: Path) -> None:
    lines: list[str] = []
    exported = write_package(plan(part_of(seeded(Filters))), tmp_path / "filters", tell=lines.append)
    package = exported.package
    golden = ["golden/filters.inputs.npz", "golden/filters.outputs.npz"]
    assert sorted(package.manifest.files) == ["filters.onnx", *golden, "run.py"]
    assert package.manifest.settings == {"weights": package.manifest.files["filters.onnx"]}
    (port,) = package.manifest.inputs
    assert (port.model, port.port.name, port.port.shape) == ("filters.onnx", "audio", ("batch", 2, FRAMES))
    (result,) = verify_package(package)
    assert result.difference <= result.tolerance
    (distance,) = exported.distances
    assert 0 < distance.difference < 1e-5
    assert lines == [f"filters.onnx: {distance.difference:.1e} of its level from torch at most"]
    assert load_package(tmp_path / "filters") == package


def test_a_network_that_is_one_percent_off_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"filters.onnx: expected made within 0.0001 of what torch computes, found 0.0"
    ):
        write_package(plan(part_of(seeded(Filters)), part_of(seeded(Deaf))), tmp_path / "filters")
    assert list(tmp_path.iterdir()) == []


def test_one_number_that_is_one_percent_off_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wear(model: onnx_ir.Model) -> None:
        value = model.graph.initializers["down.weight"]
        assert value.const_value is not None
        numbers = value.const_value.numpy().copy()
        numbers[5, 0, 3] *= 1.01
        value.const_value = onnx_ir.tensor(numbers, name=value.name)

    monkeypatch.setitem(PRECISIONS, "worn", replace(PRECISIONS["fp32"], convert=wear, tolerance=1.0))
    with pytest.raises(ModelError, match=r"filters.onnx: down.weight\[5, 0, 3\]: expected .* as in the checkpoint"):
        write_package(plan(part_of(seeded(Filters))), tmp_path / "filters", "worn")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_export_leaves_the_package_that_was_there(tmp_path: Path) -> None:
    before = write_package(plan(part_of(seeded(Filters))), tmp_path / "filters").package
    with pytest.raises(ModelError, match="of what torch computes"):
        write_package(plan(part_of(seeded(Deaf))), tmp_path / "filters", replaces=True)
    assert load_package(tmp_path / "filters") == before
    with pytest.raises(OutputError, match="filters: it is there already; add --force"):
        write_package(plan(part_of(seeded(Filters, 1))), tmp_path / "filters")
    after = write_package(plan(part_of(seeded(Filters, 1))), tmp_path / "filters", replaces=True).package
    assert after.id != before.id


def test_a_precision_that_is_not_there_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--precision int4"):
        write_package(plan(part_of(seeded(Filters))), tmp_path / "filters", "int4")


def test_what_is_exact_is_written_in_float32_whatever_the_precision(tmp_path: Path) -> None:
    exact = part_of(seeded(Filters), is_exact=True)
    both = [write_package(plan(exact), tmp_path / name, name).package for name in ("fp32", "int8")]
    assert both[0].manifest.files == both[1].manifest.files


def test_only_packages_and_empty_folders_may_be_replaced(tmp_path: Path) -> None:
    package = tiny_codec_package(tmp_path / "codec").folder
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(package)
    (tmp_path / "file").touch()
    names = ("codec", "empty", "link", "file", ".", "missing")
    assert [name for name in names if is_package(tmp_path / name)] == ["codec", "empty"]


def test_what_is_exported_twice_is_the_same_to_the_last_byte(tmp_path: Path) -> None:
    one, other = (write_package(plan(part_of(seeded(Filters))), tmp_path / name).package for name in ("one", "other"))
    assert one.manifest == other.manifest
    assert one.id == other.id


def test_codebooks_lie_in_one_file_that_is_verified_with_the_rest(tmp_path: Path) -> None:
    package = tiny_codec_package(tmp_path / "codec")
    books = package.folder / CODEBOOKS
    content = bytearray(books.read_bytes())
    assert len(content) == 4 * 16 * 8 * 2
    for name in ("quantiser.onnx", "lookup.onnx"):
        assert CODEBOOKS.encode() in package.path(name).read_bytes()
        assert package.path(name).stat().st_size < 12_000
    content[100] ^= 1
    books.write_bytes(content)
    with pytest.raises(ModelError, match=r"codebooks.bin: expected SHA-256"):
        load_package(package.folder)
    books.unlink()
    with pytest.raises(ModelError, match=r"expected the file codebooks.bin listed"):
        load_package(package.folder)


def test_a_restorer_carries_its_codec_byte_for_byte(tmp_path: Path) -> None:
    codec, restorer = tiny_codec_package(tmp_path / "codec"), tiny_restorer_package(tmp_path / "restorer")
    assert {name: restorer.manifest.files[name] for name in CODEC_FILES} == {
        name: codec.manifest.files[name] for name in CODEC_FILES
    }
    assert codec_id_of(restorer) == codec_id_of(codec) == restorer.manifest.settings["unet_codec_id"]
    assert restorer.manifest.models == ("encoder.onnx", "quantiser.onnx", "lookup.onnx", "decoder.onnx", "unet.onnx")
    assert {golden.model for golden in restorer.manifest.goldens} == set(restorer.manifest.models)
    assert all(result.difference <= result.tolerance for result in verify_package(restorer))


def test_a_package_whose_codec_differs_from_the_unets_is_refused(tmp_path: Path) -> None:
    restorer = tiny_restorer_package(tmp_path / "restorer")
    text = (restorer.folder / "manifest.toml").read_text(encoding="utf-8")
    own = str(restorer.manifest.settings["codec_id"])
    (restorer.folder / "manifest.toml").write_text(
        text.replace(f'unet_codec_id = "{own}"', 'unet_codec_id = "other@0123456789ab"'), encoding="utf-8"
    )
    with pytest.raises(ModelError, match="a package whose codec differs from the U-Net's"):
        open_codec_models(load_package(restorer.folder), device="cpu")


def test_a_manifest_that_cannot_be_leaves_nothing(tmp_path: Path) -> None:
    odd = replace(plan(part_of(seeded(Filters))), manifest=replace(MANIFEST, name="No Name"))
    with pytest.raises(ModelError, match="name = 'No Name', expected small letters"):
        write_package(odd, tmp_path / "filters")
    assert list(tmp_path.iterdir()) == []
