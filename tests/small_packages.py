"""A model package of one small network, made without torch, and archives of it; good ones, and ones with one fault."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from rebounce.engine.model_manifest import Golden, Manifest, ModelPort
from rebounce.engine.model_package import ModelPackage, write_manifest
from rebounce.engine.onnx_session import Port

MODEL = "add.onnx"
SHAPE: tuple[int | str, ...] = ("batch", 2, 480)


def small_package(folder: Path, name: str = "adder", weight: float = 1.0, data: str | None = None) -> ModelPackage:
    """A package that adds `weight` to its input; `data` puts the weights in a file of that name beside the model."""
    (folder / "golden").mkdir(parents=True)
    (folder / MODEL).write_bytes(adder(weight, data))
    if data is not None:
        (folder / data).write_bytes(weights_of(weight))
    (folder / "run.py").write_text("print('run me')\n", encoding="utf-8")
    audio = np.random.default_rng(3).standard_normal((1, 2, 480)).astype(np.float32)
    np.savez(folder / "golden" / "in.npz", audio=audio)
    np.savez(folder / "golden" / "out.npz", louder=audio + np.float32(weight))
    return write_manifest(folder, _manifest(name))


def adder(weight: float = 1.0, place: str | None = None, **entries: object) -> bytes:
    """The network; `place` is where it says its weights are, and `entries` what else it says of that place."""
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[480])
    if place is None:
        tensor.raw_data = weights_of(weight)
    else:
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": place, **entries}.items():
            tensor.external_data.add(key=key, value=str(value))
    graph = helper.make_graph(
        [helper.make_node("Add", ["audio", "weights"], ["louder"])],
        "add",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("louder", TensorProto.FLOAT, SHAPE)],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def weights_of(weight: float = 1.0) -> bytes:
    """The weights as they lie in a file."""
    return np.full(480, weight, dtype=np.float32).tobytes()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name with slashes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def tar(path: Path, files: Mapping[str, bytes], *others: tarfile.TarInfo) -> Path:
    """An archive of these files, packed where the name ends in gz, with other members after them."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in others:
            archive.addfile(member)
    path.write_bytes(gzip.compress(held.getvalue(), compresslevel=1) if path.suffix == ".gz" else held.getvalue())
    return path


def zipped(path: Path, files: Mapping[str, bytes], others: Iterable[tuple[zipfile.ZipInfo, bytes]] = ()) -> Path:
    """The same as a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for member, data in others:
            archive.writestr(member, data)
    return path


def _manifest(name: str) -> Manifest:
    return Manifest(
        name=name,
        version="1.0.0",
        kind="gain",
        sample_rate_hz=48_000,
        channels=2,
        window_frames=480,
        hop_frames=480,
        context_frames=0,
        licence="GPL-3.0-or-later",
        training_data_card="No audio was used.\nIt adds a number to its input.",
        inputs=(ModelPort(model=MODEL, port=Port(name="audio", dtype="float32", shape=SHAPE)),),
        outputs=(ModelPort(model=MODEL, port=Port(name="louder", dtype="float32", shape=SHAPE)),),
        run_script="run.py",
        goldens=(Golden(model=MODEL, inputs="golden/in.npz", outputs="golden/out.npz", tolerance=1e-6),),
        scaling={"kind": "none"},
        scores={"si_sdr_db": 12.3456789},
    )
