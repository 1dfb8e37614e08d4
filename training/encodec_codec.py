"""The encodec package's 48 kHz stereo model as a `Codec`: same codes, same scales, same cross-fade as its own.

It differs from the package in three places. A segment whose sides nearly cancel has a scale that does not follow the
mono mix into nothing. The decoded audio ends where the original ended, for any length: the package fails where a last
segment of half a token up to one token follows one that is cut short as well (1 length in 300). And each segment is
coded on one thread, so that neither the number of threads nor its neighbours touch its codes.
"""

from contextlib import closing
from itertools import repeat

import numpy as np
import torch

from rebounce.engine.audio import Audio
from rebounce.engine.codec import Latents, Scales, check_tokens, codable
from rebounce.engine.errors import CodecError, UsageError
from rebounce.engine.segments import Codes, cross_fade, cut_segments, split_tokens, stack_latents, stack_segments
from rebounce.engine.tokens import Framing, Tokens
from rebounce.engine.window_scale import MONO_PART
from rebounce.training.encodec_weights import State, load_model, weights_sha256
from rebounce.training.segment_threads import each_on_one_thread

CODEBOOKS_OF_KBPS = {3.0: 2, 6.0: 4, 12.0: 8, 24.0: 16}

SCALE_FLOOR = MONO_PART
"""The least scale, as a part of the level over both channels.

The package scales by the level of the mono mix, which is 0 to 4 dB below that of both channels in nineteen of twenty
seconds of real music, 10.7 dB in the most extreme of 5651 seconds measured, and without bound in anti-phase material.
"""


class EncodecCodec:
    """A `Codec` for stereo at 48 kHz, made from a state dict; `source` says in messages where that came from."""

    sample_rate_hz = 48_000
    channels = 2
    codebook_size = 1024
    framing = Framing(segment_frames=48_000, stride_frames=47_520, hop_frames=320)

    def __init__(self, state: State, bandwidth_kbps: float = 24.0, source: str = "weights") -> None:
        if bandwidth_kbps not in CODEBOOKS_OF_KBPS:
            raise UsageError(f"encodec: expected 3, 6, 12 or 24 kbps, found {bandwidth_kbps:g}")
        self._bandwidth_kbps = bandwidth_kbps
        self._model = load_model(state, source)
        self.codebooks = CODEBOOKS_OF_KBPS[bandwidth_kbps]
        self.weights_sha256 = weights_sha256(self._model.state_dict())
        self.codec_id = f"encodec-48khz-{bandwidth_kbps:g}kbps@{self.weights_sha256[:12]}"

    def encode(self, audio: Audio) -> Tokens:
        """The tokens of `audio` `(2, frames)` at 48 kHz."""
        stereo = codable(audio, self.codec_id, self.channels)
        frames = stereo.shape[1]
        with closing(each_on_one_thread(self._encode_segment, cut_segments(stereo, self.framing))) as coded:
            codes, scales = stack_segments(coded, self.framing, frames, self.codebooks)
        tokens = Tokens(
            codes=codes, scales=scales, frames=frames, sample_rate_hz=self.sample_rate_hz, codec_id=self.codec_id
        )
        check_tokens(tokens, self)
        return tokens

    def decode(self, tokens: Tokens) -> Audio:
        """The audio `(2, tokens.frames)`."""
        check_tokens(tokens, self)
        with closing(each_on_one_thread(self._decode_segment, split_tokens(tokens, self.framing))) as decoded:
            return cross_fade(decoded, self.framing, self.channels, tokens.frames)

    def round_trip_unquantised(self, audio: Audio) -> Audio:
        """Encoded and decoded without choosing tokens; the same shape."""
        stereo = codable(audio, self.codec_id, self.channels)
        with closing(each_on_one_thread(self._pass_segment, cut_segments(stereo, self.framing))) as passed:
            return cross_fade(passed, self.framing, self.channels, stereo.shape[1])

    def latents(self, audio: Audio, scales: Scales | None = None) -> tuple[Latents, Scales]:
        """What stands before the choice of tokens, each segment divided by its own scale or by that given for it."""
        stereo = codable(audio, self.codec_id, self.channels)
        frames = stereo.shape[1]
        given = repeat(None, self.framing.segments(frames)) if scales is None else map(float, scales)
        pairs = zip(cut_segments(stereo, self.framing), given, strict=True)
        with closing(each_on_one_thread(self._latents_segment, pairs)) as coded:
            return stack_latents(coded, self.framing, frames, self._model.encoder.dimension)

    @torch.inference_mode()
    def _latents_segment(self, pair: tuple[Audio, float | None]) -> tuple[Latents, float]:
        embedded, scale = self._embedded(*pair)
        return embedded[0].numpy(), scale

    @torch.inference_mode()
    def _encode_segment(self, segment: Audio) -> tuple[Codes, float]:
        embedded, scale = self._embedded(segment)
        codes = self._model.quantizer.encode(embedded, self._model.frame_rate, self._bandwidth_kbps)
        return codes[:, 0].numpy().astype(np.int16), scale

    @torch.inference_mode()
    def _decode_segment(self, coded: tuple[Codes, float]) -> Audio:
        codes, scale = coded
        embedded = self._model.quantizer.decode(torch.from_numpy(codes.astype(np.int64))[:, np.newaxis])
        return self._sound(embedded, scale)

    @torch.inference_mode()
    def _pass_segment(self, segment: Audio) -> Audio:
        return self._sound(*self._embedded(segment))

    def _embedded(self, segment: Audio, given: float | None = None) -> tuple[torch.Tensor, float]:
        """The latents of a segment, and what it was divided by."""
        # A copy, as torch would otherwise warn of arrays that may not be written to.
        audio = torch.from_numpy(np.array(segment, dtype=np.float32))[np.newaxis]
        scale = segment_scale(audio) if given is None else torch.tensor(given)
        return self._numbers(self._model.encoder(audio / scale), "encoding"), float(scale)

    def _sound(self, embedded: torch.Tensor, scale: float) -> Audio:
        decoded: Audio = self._numbers(self._model.decoder(embedded)[0] * scale, "decoding").numpy()
        return decoded

    def _numbers(self, values: torch.Tensor, doing: str) -> torch.Tensor:
        # In numpy, as the package's codes for NaN are codes like any other, and torch's own look takes threads.
        if not np.isfinite(values.numpy()).all():
            raise CodecError(
                f"{self.codec_id}: expected numbers from {doing}, found NaN or infinity; "
                "the weights are damaged or not of this model: name others with --weights FILE"
            )
        return values


def segment_scale(audio: torch.Tensor) -> torch.Tensor:
    """What a segment `(1, 2, frames)` is divided by: the package's mono level, but not below `SCALE_FLOOR`."""
    mono_level = audio.mean(dim=1, keepdim=True).pow(2).mean(dim=2, keepdim=True).sqrt()
    both_level = audio.pow(2).mean().sqrt()
    return torch.maximum(1e-8 + mono_level, SCALE_FLOOR * both_level)
