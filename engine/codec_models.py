"""A codec's four ONNX models: windows of audio to latents, to codes, and back.

Everything goes in and comes out as NumPy arrays whose first axis is the windows, any number of them; audio in and out
is divided by the window's scale. Always true here: a window's result depends on nothing but the window, neither on its
neighbours nor, on the CPU, on the number of threads; the package's models take and give what its settings say.

models = open_codec_models(find_model("light"), device="cpu", threads=1)
codes = models.quantise(models.encode(audio / scale))
audio = models.decode(models.lookup(codes)) * scale
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.codec_settings import (
    CODEC_MODELS,
    DECODER,
    ENCODER,
    LOOKUP,
    QUANTISER,
    CodecSettings,
    codec_settings,
)
from rebounce.engine.devices import AUTO, Device
from rebounce.engine.errors import CodecError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.onnx_session import Array
from rebounce.engine.window_sessions import GPU_BATCH, WindowSessions, open_windows

Latents = NDArray[np.float32]
"""`(windows, dimension, tokens)`"""
Codes = NDArray[np.int64]
"""`(windows, codebooks, tokens)`"""


class CodecModels:
    """The models of one codec on one device; `message` is the line to show if `auto` gave way.

    `at_once` is how many windows to give at a time: more cost memory and gain nothing.
    """

    def __init__(self, settings: CodecSettings, windows: WindowSessions) -> None:
        """`windows` hold the package's models, the codec's among them."""
        self.settings = settings
        self.device = windows.device
        self.message = windows.message
        self._windows = windows

    @property
    def at_once(self) -> int:
        return self._windows.at_once

    def use_threads(self, threads: int | None) -> None:
        """Have so many on the CPU from now on, None for one to each physical core."""
        self._windows.use_threads(threads)

    def encode(self, audio: NDArray[np.float32]) -> Latents:
        """Windows `(windows, channels, window_frames)` that were divided by their scales, as latents."""
        return self._run(ENCODER, "audio", audio, "latents")

    def quantise(self, latents: Latents) -> Codes:
        """The codes that stand for latents."""
        return self._run(QUANTISER, "latents", latents, "codes")

    def lookup(self, codes: NDArray[np.integer]) -> Latents:
        """The latents that codes stand for: the sum of their codebooks' entries."""
        wide = np.ascontiguousarray(codes, dtype=np.int64)
        self._check_codes(wide)
        return self._run(LOOKUP, "codes", wide, "latents")

    def decode(self, latents: Latents) -> NDArray[np.float32]:
        """Latents as windows of audio, to be multiplied by their scales."""
        return self._run(DECODER, "latents", latents, "audio")

    def window_scale(self, audio: Audio) -> float:
        """What a window is divided by: `audio` `(channels, frames)` is its own frames, without what fills it up."""
        return self.settings.scaling.of(audio)

    def _run(self, model: str, given: str, windows: Array, wanted: str) -> Array:
        return self._windows.run(model, {given: windows})[wanted]

    def _check_codes(self, codes: Codes) -> None:
        size = self.settings.codebook_size
        if codes.size and not 0 <= codes.min() <= codes.max() < size:
            raise CodecError(
                f"{self.settings.codec_id}: expected codes of 0 to {size - 1}, found {codes.min()} to {codes.max()}; "
                "they are damaged, or of another codec"
            )


def open_codec_models(
    package: ModelPackage, device: str | Device = AUTO, threads: int | None = None, batch: int = GPU_BATCH
) -> CodecModels:
    """The codec of a package that holds one, and nothing else of it; `threads` and `batch` as for `open_windows`."""
    settings = codec_settings(package)
    return CodecModels(settings, open_windows(_codec_alone(package), device, threads, batch))


def codec_id_of(package: ModelPackage) -> str:
    """What the codec in a package is called: its name and the start of its weights' hash."""
    return codec_settings(package).codec_id


def weights_sha256_of(package: ModelPackage) -> str:
    """The hash of the codec's weights, whichever package they lie in."""
    return codec_settings(package).weights_sha256


def _codec_alone(package: ModelPackage) -> ModelPackage:
    """The package as if it held no model but its codec's: a U-Net may take more memory than there is."""
    manifest = package.manifest
    inputs = tuple(item for item in manifest.inputs if item.model in CODEC_MODELS)
    outputs = tuple(item for item in manifest.outputs if item.model in CODEC_MODELS)
    return replace(package, manifest=replace(manifest, inputs=inputs, outputs=outputs))
