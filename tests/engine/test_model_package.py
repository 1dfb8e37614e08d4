"""A package that loads holds what its manifest says, and one that does not is refused with the file and the reason."""

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from small_packages import MODEL, adder, small_package, weights_of

from rebounce.engine.devices import Device
from rebounce.engine.errors import DeviceError, ModelError
from rebounce.engine.model_manifest import Golden, Manifest, ModelPort
from rebounce.engine.model_package import (
    ModelPackage,
    find_packages,
    load_package,
    verify_package,
    write_manifest,
)
from rebounce.engine.onnx_session import Port

AUDIO = Port(name="audio", dtype="float32", shape=("batch", 2, 480))
LOUDER = Port(name="louder", dtype="float32", shape=("batch", 2, 480))
MANIFEST = Manifest(
    name="doubler",
    version="1.0.0",
    kind="gain",
    sample_rate_hz=48_000,
    channels=2,
    window_frames=480,
    hop_frames=480,
    context_frames=0,
    licence="GPL-3.0-or-later",
    training_data_card="No audio was used.\nIt adds its input to itself.",
    inputs=(ModelPort(model="double.onnx", port=AUDIO),),
    outputs=(ModelPort(model="double.onnx", port=LOUDER),),
    run_script="run.py",
    goldens=(Golden(model="double.onnx", inputs="golden/in.npz", outputs="golden/out.npz", tolerance=1e-6),),
)


def _model() -> bytes:
    sizes: list[int | str] = ["batch", 2, 480]
    graph = helper.make_graph(
        [helper.make_node("Add", ["audio", "audio"], ["louder"])],
        "double",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("louder", TensorProto.FLOAT, sizes)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _fill(folder: Path, golden_error: float = 0.0) -> Path:
    (folder / "golden").mkdir(parents=True)
    (folder / "double.onnx").write_bytes(_model())
    (folder / "run.py").write_text("print('run me')\n", encoding="utf-8")
    audio = np.random.default_rng(3).standard_normal((1, 2, 480)).astype(np.float32)
    np.savez(folder / "golden" / "in.npz", audio=audio)
    np.savez(folder / "golden" / "out.npz", louder=2 * audio + np.float32(golden_error))
    return folder


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    return write_manifest(_fill(tmp_path / "doubler"), MANIFEST)


def test_a_package_that_was_written_loads_equal_with_every_hash(package: ModelPackage) -> None:
    loaded = load_package(package.folder)
    assert loaded == package
    assert sorted(loaded.manifest.files) == ["double.onnx", "golden/in.npz", "golden/out.npz", "run.py"]
    expected = hashlib.sha256(_model()).hexdigest()
    assert loaded.manifest.files["double.onnx"] == expected
    assert replace(loaded.manifest, files={}) == MANIFEST


def test_the_id_follows_the_contents(package: ModelPackage, tmp_path: Path) -> None:
    twin = write_manifest(_fill(tmp_path / "elsewhere" / "another name"), MANIFEST)
    assert twin.id == package.id
    assert package.id.startswith("doubler@")
    other = _fill(tmp_path / "other")
    (other / "run.py").write_text("print('changed')\n", encoding="utf-8")
    assert write_manifest(other, MANIFEST).id != package.id


def test_an_opened_package_computes_on_the_device_asked_for(package: ModelPackage) -> None:
    opened = package.open("cpu", 1)
    audio = np.full((3, 2, 480), 0.25, np.float32)
    assert np.array_equal(opened.sessions["double.onnx"].run({"audio": audio})["louder"], 2 * audio)
    assert (opened.device, opened.message) == ("cpu", None)


def test_an_opened_package_may_fix_its_open_sizes(package: ModelPackage) -> None:
    session = package.open("cpu", 1, {"batch": 4}).sessions["double.onnx"]
    assert session.inputs[0].shape == (4, 2, 480)


def test_golden_arrays_agree_within_their_tolerance(package: ModelPackage) -> None:
    (result,) = verify_package(package)
    assert (result.model, result.output, result.difference) == ("double.onnx", "louder", 0.0)


@pytest.mark.parametrize("error", [1e-3, float("nan"), float("inf")])
def test_a_golden_array_out_of_tolerance_is_told_with_the_difference(tmp_path: Path, error: float) -> None:
    package = write_manifest(_fill(tmp_path / "doubler", golden_error=error), MANIFEST)
    with pytest.raises(ModelError, match=r"doubler: double.onnx on cpu: expected louder within 1e-06 .*, found "):
        verify_package(package)


def test_golden_arrays_of_another_shape_are_told(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "doubler")
    np.savez(folder / "golden" / "out.npz", louder=np.zeros((1, 2, 4), np.float32))
    with pytest.raises(ModelError, match=r"expected louder of \(1, 2, 4\) .*, found \(1, 2, 480\)"):
        verify_package(write_manifest(folder, MANIFEST))


@pytest.mark.parametrize("content", [b"no zip at all", b"", b"PK\x03\x04 broken", b"\x93NUMPY"])
def test_golden_files_that_are_no_arrays_are_told(tmp_path: Path, content: bytes) -> None:
    folder = _fill(tmp_path / "doubler")
    (folder / "golden" / "in.npz").write_bytes(content)
    with pytest.raises(ModelError, match=r"doubler: golden/in.npz: expected arrays in .npz form"):
        verify_package(write_manifest(folder, MANIFEST))


def test_one_bare_array_is_not_taken_for_golden_arrays(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "doubler")
    with (folder / "golden" / "in.npz").open("wb") as file:
        np.save(file, np.zeros((1, 2, 480), np.float32))
    with pytest.raises(ModelError, match=r"golden/in.npz: expected arrays in .npz form"):
        verify_package(write_manifest(folder, MANIFEST))


def test_a_golden_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "doubler")
    objects: Any = np.array([{"a": 1}], dtype=object)
    np.savez(folder / "golden" / "in.npz", audio=objects)
    with pytest.raises(ModelError, match=r"expected arrays in .npz form"):
        verify_package(write_manifest(folder, MANIFEST))


def test_a_changed_file_is_told_with_both_hashes_and_the_next_step(package: ModelPackage) -> None:
    model = package.folder / "double.onnx"
    model.write_bytes(model.read_bytes() + b"\x00")
    found = hashlib.sha256(model.read_bytes()).hexdigest()
    with pytest.raises(ModelError) as caught:
        load_package(package.folder)
    told = str(caught.value)
    assert told.startswith("doubler: double.onnx: expected SHA-256 " + package.manifest.files["double.onnx"])
    assert found in told
    assert "fetch or export the package again" in told
    with pytest.raises(ModelError, match="expected SHA-256"):
        verify_package(package)


def test_a_listed_file_that_is_gone_is_told(package: ModelPackage) -> None:
    (package.folder / "golden" / "in.npz").unlink()
    with pytest.raises(
        ModelError, match=r"doubler: expected the file golden/in.npz listed in manifest.toml, found none"
    ):
        load_package(package.folder)


def test_a_file_that_is_not_listed_is_told(package: ModelPackage) -> None:
    (package.folder / "weights.data").write_bytes(b"1234")
    with pytest.raises(ModelError, match=r"expected only files that manifest.toml lists, found weights.data as well"):
        load_package(package.folder)


def test_what_systems_leave_behind_is_not_part_of_a_package(package: ModelPackage) -> None:
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "__pycache__/run.cpython-311.pyc", ".git/config"):
        (package.folder / name).parent.mkdir(exist_ok=True)
        (package.folder / name).write_bytes(b"left behind")
    assert load_package(package.folder) == package


def test_a_link_that_leads_out_of_the_package_is_refused(package: ModelPackage, tmp_path: Path) -> None:
    outside = tmp_path / "outside.onnx"
    outside.write_bytes((package.folder / "double.onnx").read_bytes())
    (package.folder / "double.onnx").unlink()
    (package.folder / "double.onnx").symlink_to(outside)
    with pytest.raises(ModelError, match=r"expected files inside the package, found double.onnx that leads to"):
        load_package(package.folder)


@pytest.mark.skipif(sys.platform == "win32", reason="makes a pipe")
def test_what_is_no_file_is_refused_and_not_waited_for(package: ModelPackage) -> None:
    for name, told in (
        ("run.py", r"expected files, found run.py, which is a pipe"),
        ("manifest.toml", "that is no file"),
    ):
        (package.folder / name).unlink()
        os.mkfifo(package.folder / name)
        with pytest.raises(ModelError, match=told):
            load_package(package.folder)


def test_a_link_to_nothing_is_told(package: ModelPackage) -> None:
    (package.folder / "extra").symlink_to("nowhere")
    with pytest.raises(ModelError, match=r"found extra, which is a pipe, a device or a link to nothing"):
        load_package(package.folder)


def test_weights_in_a_file_of_the_package_are_taken(tmp_path: Path) -> None:
    package = small_package(tmp_path / "adder", weight=2.5, data="weights.bin")
    audio = np.ones((1, 2, 480), np.float32)
    assert np.array_equal(package.open("cpu", 1).sessions[MODEL].run({"audio": audio})["louder"], audio + 2.5)
    assert package.weights()[MODEL][0].places == ("weights.bin",)


@pytest.mark.parametrize("place", [".hidden.bin", "__pycache__/w.bin", "../outside.bin", "/etc/passwd", "link/w.bin"])
def test_weights_that_no_hash_vouches_for_are_refused_with_the_package(tmp_path: Path, place: str) -> None:
    home = tmp_path / "adder"
    package = small_package(home)
    for name in (".hidden.bin", "__pycache__/w.bin", "../outside.bin"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(weights_of())
    (home / "link").symlink_to(home / "__pycache__")
    (home / MODEL).write_bytes(adder(place=place))
    told = "adder: add.onnx: expected weights from files that manifest.toml lists, found 'weights' in "
    with pytest.raises(ModelError) as caught:
        write_manifest(home, package.manifest)
    assert str(caught.value).startswith(f"{told}{place!r}")


def test_a_file_of_weights_that_is_gone_or_cut_off_is_told_with_its_name(tmp_path: Path) -> None:
    package = small_package(tmp_path / "adder", data="weights.bin")
    (package.folder / "weights.bin").write_bytes(weights_of()[:-4])
    with pytest.raises(ModelError, match=r"adder: weights.bin: expected SHA-256"):
        load_package(package.folder)
    with pytest.raises(ModelError, match=r"weights.bin from byte 0 to 1920, found 1916 bytes"):
        package.open("cpu", 1)
    (package.folder / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"adder: expected the file weights.bin listed in manifest.toml, found none"):
        load_package(package.folder)
    with pytest.raises(
        ModelError, match=r"add.onnx: expected the weights 'weights' in weights.bin, found no such file"
    ):
        package.open("cpu", 1)


def test_a_link_to_the_package_itself_is_fine(package: ModelPackage, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(package.folder)
    assert load_package(link).id == package.id


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"expected a model package with a manifest.toml in UTF-8, found: No such file"
    ):
        load_package(tmp_path)
    (tmp_path / "manifest.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ModelError, match=r"expected a model package with a manifest.toml in UTF-8"):
        load_package(tmp_path)


def test_a_file_nobody_listed_cannot_be_asked_for(package: ModelPackage) -> None:
    assert package.path("run.py").read_text(encoding="utf-8").startswith("print")
    with pytest.raises(ModelError, match=r"asked for the file '../x', expected one of double.onnx"):
        package.path("../x")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"inputs": (ModelPort(model="double.onnx", port=replace(AUDIO, name="sound")),)}, "the inputs .* sound"),
        ({"inputs": (ModelPort(model="double.onnx", port=replace(AUDIO, dtype="int64")),)}, "the inputs .* int64"),
        ({"inputs": (ModelPort(model="double.onnx", port=replace(AUDIO, shape=(1, 1, 480))),)}, "the inputs .* 1, 480"),
        ({"inputs": (ModelPort(model="double.onnx", port=replace(AUDIO, shape=(480,))),)}, "the inputs .* \\(480"),
        ({"outputs": (ModelPort(model="double.onnx", port=replace(LOUDER, name="soft")),)}, "the outputs .* soft"),
    ],
)
def test_a_model_that_takes_something_else_than_the_manifest_says_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    package = write_manifest(_fill(tmp_path / "doubler"), replace(MANIFEST, **changes))
    with pytest.raises(ModelError, match=f"doubler: double.onnx: expected {told}"):
        package.open("cpu", 1)


def test_a_manifest_that_names_a_file_which_is_not_there_is_not_written(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "doubler")
    with pytest.raises(ModelError, match=r"expected 'more.py' under \[files\]"):
        write_manifest(folder, replace(MANIFEST, run_script="more.py"))
    assert not (folder / "manifest.toml").exists()


def test_a_text_that_toml_cannot_hold_is_refused_and_not_bent(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "doubler")
    with pytest.raises(ModelError, match="expected texts that TOML can hold"):
        write_manifest(folder, replace(MANIFEST, training_data_card="one\r\ntwo"))


def test_packages_are_found_below_a_folder_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("beta", "alpha"):
        write_manifest(_fill(tmp_path / "models" / name), replace(MANIFEST, name=name))
    (tmp_path / "models" / "empty").mkdir()
    write_manifest(_fill(tmp_path / "models" / ".alpha.rebounce.part"), MANIFEST)
    assert [path.name for path in find_packages(tmp_path / "models")] == ["alpha", "beta"]
    assert find_packages(tmp_path / "none") == []


def test_a_strict_device_that_does_not_work_is_an_error_of_the_device(package: ModelPackage) -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        package.open(Device(name="cuda:99"), 1)
