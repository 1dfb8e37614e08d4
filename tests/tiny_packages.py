"""Model packages that tests share: real ones, exported from tiny networks with random weights."""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from rebounce.engine.audio import Audio
from rebounce.engine.codec_models import codec_id_of
from rebounce.engine.model_package import ModelPackage, load_package
from rebounce.exporters.package import write_package
from rebounce.training.bundle_latents import DIMENSION
from rebounce.training.exportable import light_codec, token_unet
from rebounce.training.exportable.request import Request
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.light_codec import SIZES, CodecSize, LightCodec
from rebounce.training.networks.network import Network
from rebounce.training.networks.registry import make_network

WINDOW_TOKENS = 16
ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".pytest_cache" / "tiny_packages"
SOURCES = ("exporters", "training/exportable", "training/networks")
SOURCE_FILES = (
    "tests/tiny_packages.py",
    "engine/codec_settings.py",
    "engine/model_manifest.py",
    "engine/model_package.py",
    "engine/window_scale.py",
    "training/bundle_latents.py",
    "training/codec_training.py",
)

WIDE = replace(SIZES["tiny"], dimension=DIMENSION)
CODEC_NAME, RESTORER_NAME = "tiny-codec", "tiny-restorer"


def tiny_codec_package(folder: Path, seed: int = 0) -> ModelPackage:
    """A codec of 4 codebooks of 16 entries with windows of 16 tokens (5,120 frames); its sound is like nothing."""
    return _copied(_write_codec, folder, seed)


def wide_codec_package(folder: Path, seed: int = 0) -> ModelPackage:
    """The same with latents as wide as bundles hold them."""
    return _copied(_write_wide_codec, folder, seed)


def tiny_restorer_package(folder: Path, seed: int = 0) -> ModelPackage:
    """The codec of the same seed with a token U-Net of random weights, which changes many tokens and nothing well."""
    return _copied(_write_restorer, folder, seed)


def tiny_codec(seed: int = 0, size: CodecSize = SIZES["tiny"]) -> LightCodec:
    """The codec of `tiny_codec_package` in torch, its codebooks set to what its encoder gives of music."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LightCodec(size).eval()
        _enliven(model)
    with torch.inference_mode():
        rest = model.encoder(torch.from_numpy(music(seed))[None])[0].T.clone()
    generator = np.random.default_rng(seed)
    for stage in range(model.size.codebooks):
        rest = rest - _set_codebook(model, stage, rest, generator)
    return model


def tiny_unet(seed: int = 0) -> Network:
    """The network of `tiny_restorer_package`; a fresh one is a copy, so what begins at zero is drawn here."""
    size = SIZES["tiny"]
    shape = TokenShape(
        codebooks=size.codebooks,
        codebook_size=size.codebook_size,
        latent_dimension=size.dimension,
        window_tokens=WINDOW_TOKENS,
    )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        network = make_network("token-unet", "tiny", shape).eval()
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.7)
    return network.requires_grad_(False)


def request(seed: int = 0, name: str = CODEC_NAME, codec: ModelPackage | None = None) -> Request:
    """What is asked for when a tiny package is exported."""
    return Request(
        codec=codec,
        name=name,
        version="0.1.0",
        licence="GPL-3.0-or-later",
        training_data_card="Random weights that learnt from nothing; for tests.",
        music=music(seed),
    )


def music(seed: int = 0) -> Audio:
    """Three windows of chords and hits, `(2, frames)`, made in no time."""
    generator = np.random.default_rng(seed)
    seconds = np.arange(3 * WINDOW_TOKENS * 320) / 48_000
    chord = sum(np.sin(2 * np.pi * 110 * 2 ** (step / 12) * seconds) for step in (0, 4, 7, 12 + seed % 5))
    hits = generator.standard_normal((2, seconds.size)) * np.exp(-(seconds % 0.08) / 0.02)
    return (0.05 * chord * np.array([[1.0], [0.7]]) + 0.1 * hits).astype(np.float32)


def _enliven(model: LightCodec) -> None:
    """Weights that hand on as much as they take in: fresh ones let next to nothing of the audio through."""
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            weight = module.get_parameter("weight_v")
            taken = (
                module.in_channels
                * module.kernel_size[0]
                // (module.stride[0] if isinstance(module, nn.ConvTranspose1d) else 1)
            )
            nn.init.normal_(weight, std=(1.5 / taken) ** 0.5)
            module.get_parameter("weight_g").data = weight.detach().flatten(1).norm(dim=1)[:, None, None]
            nn.init.zeros_(module.get_parameter("bias"))


def _set_codebook(model: LightCodec, stage: int, rest: Tensor, generator: np.random.Generator) -> Tensor:
    """Entries drawn from what is left; returns the entry nearest to each vector."""
    count = model.size.codebook_size
    entries = rest[torch.from_numpy(generator.choice(len(rest), count, replace=False))] * 0.8
    model.set_codebook(stage, entries, torch.ones(count))
    return entries[torch.cdist(rest, entries).argmin(1)]


def _write_codec(folder: Path, seed: int) -> None:
    write_package(light_codec.plan_of(tiny_codec(seed), WINDOW_TOKENS, request(seed)), folder)


def _write_wide_codec(folder: Path, seed: int) -> None:
    write_package(light_codec.plan_of(tiny_codec(seed, WIDE), WINDOW_TOKENS, request(seed)), folder)


def _write_restorer(folder: Path, seed: int) -> None:
    with TemporaryDirectory() as home:
        codec = tiny_codec_package(Path(home) / "codec", seed)
        plan = token_unet.plan_of(tiny_unet(seed), codec_id_of(codec), request(seed, RESTORER_NAME, codec))
        write_package(plan, folder)


def _copied(write: Callable[[Path, int], None], folder: Path, seed: int) -> ModelPackage:
    """A package from the cache into `folder`; an export takes seconds, and is made once a state of the code."""
    kept = CACHE / _state_of_the_code() / f"{write.__name__.strip('_')}-{seed}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=kept.parent) as home:
            write(Path(home) / "package", seed)
            with suppress(OSError):  # another run of the tests was first
                (Path(home) / "package").rename(kept)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return load_package(folder)


@cache
def _state_of_the_code() -> str:
    """A hash over everything that decides what is in a package."""
    sources = [path for room in SOURCES for path in sorted((ROOT / room).rglob("*.py"))]
    digest = hashlib.sha256(f"{torch.__version__} {onnxruntime.__version__}".encode())
    for path in [*sources, *(ROOT / name for name in SOURCE_FILES)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
