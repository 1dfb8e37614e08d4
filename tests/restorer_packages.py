"""Restorer packages whose network follows a rule that a test knows, around the tiny codec."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_packages import tiny_codec_package

from rebounce.engine.codec_settings import TOKEN_RESTORER, CodecSettings, codec_settings
from rebounce.engine.model_manifest import ModelPort
from rebounce.engine.model_package import ModelPackage, write_manifest
from rebounce.engine.onnx_session import open_session

CONFIDENCE = 0.75
LEVEL_DB = 1.5
CHANGE = -0.5


def rule_package(  # noqa: PLR0913 - an argument for each thing that a test may set
    folder: Path,
    wrong: Iterable[int],
    name: str = "rule",
    *,
    change: float = CHANGE,
    level_db: float = LEVEL_DB,
    latents: str = "codes",
    chance: float = 1.0,
) -> ModelPackage:
    """A network to which a token is wrong, in all its codebooks, where its first code is one of `wrong`.

    Right would be the next code (0 after the last), of which it is sure by `CONFIDENCE`, and latents that are changed
    by `change` times what they are; and every window should be `level_db` louder. `chance` is what the mask says there.
    """
    codec = tiny_codec_package(folder)
    settings = codec_settings(codec)
    (folder / "unet.onnx").write_bytes(_network(settings, wrong, (change, level_db, chance)).SerializeToString())
    session = open_session(folder / "unet.onnx", "cpu", threads=1)
    manifest = codec.manifest
    return write_manifest(
        folder,
        replace(
            manifest,
            name=name,
            kind=TOKEN_RESTORER,
            inputs=(*manifest.inputs, *(ModelPort(model="unet.onnx", port=port) for port in session.inputs)),
            outputs=(*manifest.outputs, *(ModelPort(model="unet.onnx", port=port) for port in session.outputs)),
            settings=manifest.settings | {"unet_codec_id": settings.codec_id, "latents": latents},
        ),
    )


def changed_manifest(package: ModelPackage, **changes: object) -> ModelPackage:
    """The package with another manifest around the same files."""
    return write_manifest(package.folder, replace(package.manifest, **changes))  # type: ignore[arg-type]


def _network(settings: CodecSettings, wrong: Iterable[int], says: tuple[float, float, float]) -> onnx.ModelProto:
    change, level_db, chance = says
    books, tokens, size = settings.codebooks, settings.window_tokens, settings.codebook_size
    is_wrong = np.zeros(size, dtype=np.float32)
    is_wrong[list(wrong)] = chance
    constants: dict[str, Any] = {
        "is_wrong": is_wrong,
        "one": np.array(1, dtype=np.int64),
        "size": np.array(size, dtype=np.int64),
        "first": np.array([0], dtype=np.int64),
        "no_books": np.zeros((1, books, 1), dtype=np.float32),
        "change": np.array(change, dtype=np.float32),
        "sure": np.array(CONFIDENCE, dtype=np.float32),
        "zero": np.array(0, dtype=np.float32),
        "axes": np.array([1, 2], dtype=np.int64),
        "level_db": np.array([[level_db, 0]], dtype=np.float32),
        **{f"none_{count}": np.zeros((1, count), dtype=np.float32) for count in (2, 8)},
    }
    nodes = [
        helper.make_node("Add", ["codes", "one"], ["next"]),
        helper.make_node("Mod", ["next", "size"], ["clean_codes"]),
        helper.make_node("Gather", ["codes", "first"], ["first_codes"], axis=1),
        helper.make_node("Gather", ["is_wrong", "first_codes"], ["first_mask"]),
        helper.make_node("Add", ["first_mask", "no_books"], ["mask"]),
        helper.make_node("Mul", ["mask", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "sure"], ["confidence"]),
        helper.make_node("Mul", ["latents", "change"], ["latent_change"]),
        helper.make_node("ReduceSum", ["nothing", "axes"], ["each"], keepdims=0),
        helper.make_node("Unsqueeze", ["each", "one"], ["column"]),
        helper.make_node("Add", ["column", "level_db"], ["level"]),
        helper.make_node("Add", ["column", "none_2"], ["compression"]),
        helper.make_node("Add", ["column", "none_2"], ["stereo"]),
        helper.make_node("Add", ["column", "none_8"], ["perceptual"]),
    ]
    codes, latents = ("batch", books, tokens), ("batch", settings.latent_dimension, tokens)
    floats = {"confidence": codes, "mask": codes, "latent_change": latents, "level": ("batch", 2)}
    floats |= {"compression": ("batch", 2), "stereo": ("batch", 2), "perceptual": ("batch", 8)}
    graph = helper.make_graph(
        nodes,
        "rule",
        [
            helper.make_tensor_value_info("codes", TensorProto.INT64, codes),
            helper.make_tensor_value_info("latents", TensorProto.FLOAT, latents),
        ],
        [
            helper.make_tensor_value_info("clean_codes", TensorProto.INT64, codes),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in floats.items()),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
