"""The light codec in torch, with the weights of a package or of a checkpoint.

A package is the one place where the weights of a codec lie that ships: here they are read back out of its ONNX files
and its `codebooks.bin`, for what needs a gradient through the decoder. What always holds: a codec that came from a
package does what the package's own models do, for it was compared with them on the music of the package's golden
arrays; and it is ready to run, with weight norm folded in and nothing that learns.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rebounce.engine.codec_models import CodecModels, open_codec_models
from rebounce.engine.codec_settings import CODEBOOKS, DECODER, ENCODER, CodecSettings, codec_settings
from rebounce.engine.errors import CheckpointError, ModelError
from rebounce.engine.model_package import ModelPackage
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.codec_run import KIND
from rebounce.training.exportable.codec_parts import fold_weight_norm
from rebounce.training.networks.light_codec import CodecSize, LightCodec

TOLERANCE = 1e-4
"""Of the level of audio and of latents: what summing in another order comes to is a hundredth of it."""

NEAR_TIE = 1e-5
"""Of the squared length of what is left to quantise: of two entries that are this near each other either may win."""

_FIRST = "model.0.conv.conv.weight"
_STRETCHING = re.compile(r"model\.(\d+)\.convtr\.convtr\.weight")

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far torch and ONNX are apart: latents and audio at most, as parts of their levels; `codes` that differ.

    A code that is as good as the other one is not counted, nor what follows from it.
    """

    latents: float
    audio: float
    codes: int

    @property
    def holds(self) -> bool:
        return self.latents <= TOLERANCE and self.audio <= TOLERANCE and self.codes == 0


def codec_of_package(package: ModelPackage) -> LightCodec:
    """The codec of a package; a ModelError where it is no light codec, or does not do what the package does."""
    settings = codec_settings(package)
    encoder, decoder = (_weights(package, name) for name in (ENCODER, DECODER))
    codec = _blank(_size(settings, encoder, decoder, package.folder.name))
    _fill(codec.encoder, encoder, f"{package.folder.name}: {ENCODER}")
    _fill(codec.decoder, decoder, f"{package.folder.name}: {DECODER}")
    _fill_codebooks(codec, _codebooks(package, settings))
    found = agreement(codec, open_codec_models(package, "cpu", 1), _music(package))
    if not found.holds:
        raise ModelError(
            f"{package.folder.name}: expected torch within {TOLERANCE:g} of the package's models and the same "
            f"codes, found latents {found.latents:g} and audio {found.audio:g} away and {found.codes} other codes; "
            "export the package again"
        )
    return codec


def codec_of_checkpoint(path: Path) -> LightCodec:
    """The codec as it is in a checkpoint of its training."""
    state = read_checkpoint(path)
    if state["kind"] != KIND:
        raise CheckpointError(
            f"{path}: expected a checkpoint of a {KIND}, found one of a {state['kind']}; name the codec's"
        )
    return codec_of_state(state["size"], state["model"])


def codec_of_state(size: Mapping[str, Any], model: Mapping[str, Tensor]) -> LightCodec:
    """The codec of that size with that state dict, as training keeps both."""
    codec = _blank(CodecSize(**{**size, "ratios": tuple(size["ratios"])}), is_folded=False)
    codec.load_state_dict({name: tensor.detach().cpu().clone() for name, tensor in model.items()}, assign=True)
    fold_weight_norm(codec)
    return codec.eval().requires_grad_(False)


@torch.inference_mode()
def agreement(codec: LightCodec, models: CodecModels, windows: NDArray[np.float32]) -> Agreement:
    """Torch beside ONNX on windows `(windows, channels, frames)` of audio at level 1.

    Each step is given what ONNX made of the step before, so that a near tie of codes is not counted as their sound.
    """
    latents = models.encode(windows)
    codes = models.quantise(latents)
    quantised = models.lookup(codes)
    own_codes = codec.quantiser.encode(torch.from_numpy(latents)).transpose(0, 1)
    own_quantised = codec.quantiser.decode(torch.from_numpy(codes).transpose(0, 1))
    apart = [_apart(codec.encoder(torch.from_numpy(windows)), latents), _apart(own_quantised, quantised)]
    return Agreement(
        latents=float(np.max(apart)),
        audio=_apart(codec.decoder(torch.from_numpy(quantised)), models.decode(quantised)),
        codes=_clear_differences(codec, torch.from_numpy(latents), own_codes, torch.from_numpy(codes)),
    )


def _apart(own: Tensor, other: NDArray[np.float32]) -> float:
    level = float(np.sqrt(np.mean(np.square(other, dtype=np.float64))))
    return float(np.abs(own.numpy() - other).max()) / (level or 1.0)


def _clear_differences(codec: LightCodec, latents: Tensor, own: Tensor, other: Tensor) -> int:
    """The tokens whose codes part at a stage where one entry is nearer than the other, and no mere rounding decides."""
    rest = latents.transpose(1, 2).double()
    is_same = torch.ones(rest.shape[:2], dtype=torch.bool)
    count = 0
    for stage, book in enumerate(codec.codebooks().double()):
        entries, others = book[own[:, stage]], book[other[:, stage]]
        gap = ((rest - others).square().sum(-1) - (rest - entries).square().sum(-1)).abs()
        parts = is_same & (own[:, stage] != other[:, stage])
        count += int((parts & (gap > NEAR_TIE * rest.square().sum(-1))).sum())
        is_same &= ~parts
        rest = rest - entries
    return count


def _blank(size: CodecSize, is_folded: bool = True) -> LightCodec:
    """A codec with shapes and no numbers, which draws nothing from torch's global generator."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's old weight norm, which the encodec package uses
        codec = LightCodec(size)
    if is_folded:
        fold_weight_norm(codec)
    return codec.eval().requires_grad_(False)


def _size(settings: CodecSettings, encoder: State, decoder: State, where: str) -> CodecSize:
    """The size of the codec, from the shapes of its weights."""
    first = encoder.get(_FIRST)
    stretching = {int(match[1]): tensor for name, tensor in decoder.items() if (match := _STRETCHING.fullmatch(name))}
    # Each transposed convolution is twice as long as the step that it makes.
    ratios = tuple(stretching[layer].shape[2] // 2 for layer in sorted(stretching))
    if first is None or not ratios:
        raise ModelError(
            f"{where}: expected the weights of a light codec in fp32, found others; "
            "name a package of a light codec that was exported with --precision fp32"
        )
    return CodecSize(
        filters=first.shape[0],
        dimension=settings.latent_dimension,
        ratios=ratios,
        codebooks=settings.codebooks,
        codebook_size=settings.codebook_size,
    )


def _fill(module: nn.Module, weights: State, where: str) -> None:
    """Give a module all its weights; what else the file holds are numbers of its graph."""
    blank = module.state_dict()
    # A bias of nothing but zeros is left out of the file when it is written.
    zeros = {name: torch.zeros(tensor.shape) for name, tensor in blank.items() if name.endswith(".bias")}
    state = {name: weights.get(name, zeros.get(name)) for name in blank}
    for name, tensor in blank.items():
        expected, found = tuple(tensor.shape), state[name]
        if found is None or found.shape != expected:
            told = "no such tensor" if found is None else tuple(found.shape)
            raise ModelError(
                f"{where}: tensor {name}: expected {expected} of a light codec, found {told}; "
                "name a package of a light codec that was exported with --precision fp32"
            )
    module.load_state_dict(state, assign=True)


def _fill_codebooks(codec: LightCodec, entries: Tensor) -> None:
    """As they are after training, when nothing is counted any more."""
    for stage, book in enumerate(entries):
        counts = torch.ones(len(book))
        codec.quantiser.get_submodule(f"layers.{stage}._codebook").load_state_dict(
            {"inited": torch.ones(1), "cluster_size": counts, "embed": book, "embed_avg": book.clone()}, assign=True
        )


def _weights(package: ModelPackage, model: str) -> State:
    """Every float32 weight in an ONNX file of the package, by its name."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(package.path(model)).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items() if array.dtype == np.float32}


def _codebooks(package: ModelPackage, settings: CodecSettings) -> Tensor:
    """The entries `(codebooks, codebook_size, dimension)` as they lie in `codebooks.bin`."""
    shape = (settings.codebooks, settings.codebook_size, settings.latent_dimension)
    values = np.fromfile(package.path(CODEBOOKS), dtype="<f2")
    if values.size != np.prod(shape):
        raise ModelError(
            f"{package.folder.name}: {CODEBOOKS}: expected {shape} entries of float16, found {values.size} numbers; "
            "export the package again"
        )
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def _music(package: ModelPackage) -> NDArray[np.float32]:
    """The windows that the encoder's golden arrays were made of."""
    goldens = [item for item in package.manifest.goldens if item.model == ENCODER]
    if not goldens:
        raise ModelError(
            f"{package.folder.name}: expected golden arrays of {ENCODER}, found none; export the package again"
        )
    with np.load(package.path(goldens[0].inputs), allow_pickle=False) as arrays:
        windows: NDArray[np.float32] = arrays["audio"]
    return windows
