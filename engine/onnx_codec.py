"""A model package's codec as a `Codec`: audio of any length to tokens and back, without torch.

The audio is cut into windows of one size, the last one filled up with silence, and what is coded of the silence is cut
off again. Always true here: a window's codes depend on its own frames alone, whatever stands before and after it; no
more than one batch of windows is held beside the audio and the tokens.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.codec import Latents, Scales, check_tokens, codable
from rebounce.engine.codec_models import CodecModels, open_codec_models
from rebounce.engine.devices import AUTO, Device
from rebounce.engine.errors import CodecError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.segments import Codes, cross_fade, cut_segments, split_tokens, stack_latents, stack_segments
from rebounce.engine.tokens import Framing, Tokens
from rebounce.engine.window_sessions import GPU_BATCH

T = TypeVar("T")
R = TypeVar("R")


class OnnxCodec:
    """A `Codec` and a `LatentCodec` from a package that holds one."""

    def __init__(self, models: CodecModels) -> None:
        self.models = models
        settings = models.settings
        self.codec_id = settings.codec_id
        self.weights_sha256 = settings.weights_sha256
        self.sample_rate_hz = settings.sample_rate_hz
        self.channels = settings.channels
        self.codebooks = settings.codebooks
        self.codebook_size = settings.codebook_size
        self.framing: Framing = settings.framing

    def use_threads(self, threads: int | None) -> None:
        """Have so many on the CPU from now on, None for one to each physical core; what comes out is the same."""
        self.models.use_threads(threads)

    def encode(self, audio: Audio) -> Tokens:
        """The tokens of `audio` `(channels, frames)` at the codec's rate."""
        sound = codable(audio, self.codec_id, self.channels)
        frames = sound.shape[1]
        coded = _each_in_batches(self._encode_windows, cut_segments(sound, self.framing), self.models.at_once)
        codes, scales = stack_segments(coded, self.framing, frames, self.codebooks)
        return Tokens(
            codes=codes, scales=scales, frames=frames, sample_rate_hz=self.sample_rate_hz, codec_id=self.codec_id
        )

    def decode(self, tokens: Tokens) -> Audio:
        """The audio `(channels, tokens.frames)`."""
        check_tokens(tokens, self)
        decoded = _each_in_batches(self._decode_windows, split_tokens(tokens, self.framing), self.models.at_once)
        return cross_fade(decoded, self.framing, self.channels, tokens.frames)

    def round_trip_unquantised(self, audio: Audio) -> Audio:
        """Encoded and decoded without choosing tokens; the same shape."""
        sound = codable(audio, self.codec_id, self.channels)
        decoded = _each_in_batches(self._pass_windows, cut_segments(sound, self.framing), self.models.at_once)
        return cross_fade(decoded, self.framing, self.channels, sound.shape[1])

    def latents(self, audio: Audio, scales: Scales | None = None) -> tuple[Latents, Scales]:
        """What stands before the choice of tokens, each segment divided by its own scale or by that given for it."""
        sound = codable(audio, self.codec_id, self.channels)
        frames = sound.shape[1]
        given = repeat(None, self.framing.segments(frames)) if scales is None else map(float, scales)
        pairs = zip(cut_segments(sound, self.framing), given, strict=True)
        coded = _each_in_batches(self._latents_at, pairs, self.models.at_once)
        return stack_latents(coded, self.framing, frames, self.models.settings.latent_dimension)

    def _latents_at(self, pairs: Sequence[tuple[Audio, float | None]]) -> Iterator[tuple[Latents, float]]:
        segments, scales = zip(*pairs, strict=True)
        yield from zip(*self._latents(segments, scales), strict=True)

    def _encode_windows(self, segments: Sequence[Audio]) -> Iterator[tuple[Codes, float]]:
        latents, scales = self._latents(segments)
        codes = self.models.quantise(latents).astype(np.int16)
        for segment, own, scale in zip(segments, codes, scales, strict=True):
            yield own[:, : -(-segment.shape[1] // self.framing.hop_frames)], scale

    def _decode_windows(self, coded: Sequence[tuple[Codes, float]]) -> Iterator[Audio]:
        shape = (len(coded), self.codebooks, self.models.settings.window_tokens)
        codes = np.zeros(shape, dtype=np.int64)
        for window, (own, _) in zip(codes, coded, strict=True):
            window[:, : own.shape[1]] = own
        latents = self.models.lookup(codes)
        # After the end of a short segment there are no tokens; zeros cost 0.4 dB in its last 10 ms against the tokens
        # of the silence that stood there (measured), repeating its last token 1.1 dB.
        for window, (own, _) in zip(latents, coded, strict=True):
            window[:, own.shape[1] :] = 0
        return self._audio(latents, [scale for _, scale in coded])

    def _pass_windows(self, segments: Sequence[Audio]) -> Iterator[Audio]:
        return self._audio(*self._latents(segments))

    def _latents(
        self, segments: Sequence[Audio], given: Sequence[float | None] | None = None
    ) -> tuple[NDArray[np.float32], list[float]]:
        """The segments, each filled up to a window and divided by its scale, as latents; and the scales."""
        wished = given or [None] * len(segments)
        scales = [
            self.models.window_scale(segment) if scale is None else scale
            for segment, scale in zip(segments, wished, strict=True)
        ]
        windows = np.zeros((len(segments), self.channels, self.framing.segment_frames), dtype=np.float32)
        for window, segment, scale in zip(windows, segments, scales, strict=True):
            window[:, : segment.shape[1]] = segment / np.float32(scale)
        return self._numbers(self.models.encode(windows), "encoding"), scales

    def _audio(self, latents: NDArray[np.float32], scales: Sequence[float]) -> Iterator[Audio]:
        decoded = self.models.decode(latents)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as no number
            sound = decoded * np.array(scales, dtype=np.float32)[:, np.newaxis, np.newaxis]
        yield from self._numbers(sound, "decoding")

    def _numbers(self, values: NDArray[np.float32], doing: str) -> NDArray[np.float32]:
        if not np.isfinite(values).all():
            raise CodecError(
                f"{self.codec_id}: expected numbers from {doing}, found NaN or infinity; "
                "the weights are damaged: fetch or export the package again"
            )
        return values


def open_onnx_codec(
    package: ModelPackage, device: str | Device = AUTO, threads: int | None = None, batch: int = GPU_BATCH
) -> OnnxCodec:
    """The codec of a package that holds one, ready to run."""
    return OnnxCodec(open_codec_models(package, device, threads, batch))


def _each_in_batches(work: Callable[[Sequence[T]], Iterator[R]], items: Iterable[T], batch: int) -> Iterator[R]:
    """`work` of so many items at a time, its results one by one."""
    walk = iter(items)
    while taken := list(islice(walk, batch)):
        yield from work(taken)
