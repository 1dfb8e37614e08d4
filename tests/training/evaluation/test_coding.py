"""A codec around an item: shapes, rates and channels, and every version encoded once."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.evaluation.coding import Coder, encoded


class Pcm:
    """A codec of 15 bits: one token a sample."""

    codec_id = "pcm"
    weights_sha256 = ""
    codebook_size = 32_768
    framing = Framing(segment_frames=2**40, stride_frames=2**40, hop_frames=1)

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.channels = self.codebooks = channels

    def encode(self, audio: Audio) -> Tokens:
        assert audio.shape[0] == self.channels
        codes = np.round((np.clip(audio, -1, 1) + 1) * 16_383).astype(np.int16)[np.newaxis]
        scales = np.ones(1, dtype=np.float32)
        return Tokens(
            codes=codes, scales=scales, frames=audio.shape[1], sample_rate_hz=self.sample_rate_hz, codec_id="pcm"
        )

    def decode(self, tokens: Tokens) -> Audio:
        decoded: Audio = tokens.codes[0].astype(np.float32) / np.float32(16_383) - 1
        return decoded


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("frames", [1, 319, 20_001])
def test_a_round_trip_keeps_shape_and_place_at_any_rate(rate_hz: int, frames: int) -> None:
    low = tone(440, frames, rate_hz, level=0.3) if frames > 319 else noise(frames)
    for channels in (1, 2):
        audio = np.ascontiguousarray(low[:channels])
        made = Coder(Pcm(48_000, 2), rate_hz).round_trip("it", audio)
        assert made is not None
        assert made.shape == audio.shape
        if frames > 319:
            middle = slice(2_000, -2_000)
            assert np.abs(made - audio)[:, middle].max() < 2e-3


def test_channels_that_a_codec_has_no_place_for() -> None:
    stereo = noise(1_000)
    assert Coder(Pcm(48_000, 2), 48_000).round_trip("it", noise(1_000, channels=6)) is None
    made = Coder(Pcm(48_000, 1), 48_000).round_trip("it", stereo)
    assert made is not None
    assert np.abs(made - stereo).max() < 2.0**-14


def test_a_codec_of_one_channel_gives_the_tokens_of_each() -> None:
    stereo = noise(1_000)
    both = encoded(stereo, 48_000, Pcm(48_000, 1))
    assert both is not None
    for tokens, channel in zip(both, stereo, strict=True):
        alone = encoded(channel[np.newaxis], 48_000, Pcm(48_000, 1))
        assert alone is not None
        assert np.array_equal(tokens.codes, alone[0].codes)


def test_a_version_is_encoded_once() -> None:
    coder = Coder(Pcm(48_000, 2), 48_000)
    first = coder.tokens("clean", noise(1_000))
    coder.round_trip("clean", noise(1_000))
    assert coder.tokens("clean", noise(1_000)) is first
    assert coder.tokens("damaged", noise(1_000)) is not first
