"""The bounds: right where the answer is known."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.evaluation.oracle import clean_magnitude, round_trip


class Pcm:
    """A codec of 16 bits: one token a sample."""

    codec_id = "pcm"
    weights_sha256 = ""
    codebook_size = 65_536
    framing = Framing(segment_frames=2**40, stride_frames=2**40, hop_frames=1)

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.channels = self.codebooks = channels

    def encode(self, audio: Audio) -> Tokens:
        assert audio.shape[0] == self.channels
        codes = np.round(audio * 32_767).astype(np.int16)[np.newaxis]
        scales = np.ones(1, dtype=np.float32)
        return Tokens(
            codes=codes, scales=scales, frames=audio.shape[1], sample_rate_hz=self.sample_rate_hz, codec_id="pcm"
        )

    def decode(self, tokens: Tokens) -> Audio:
        decoded: Audio = tokens.codes[0].astype(np.float32) / np.float32(32_767)
        return decoded


@pytest.mark.parametrize(("rate_hz", "channels", "frames"), [(44_100, 2, 44_101), (8_000, 1, 319), (192_000, 3, 1)])
def test_the_magnitudes_of_the_clean_undo_a_gain_and_keep_the_phase(rate_hz: int, channels: int, frames: int) -> None:
    clean = noise(frames, channels)
    for gain in (1.0, 0.1, -2.0):
        made = clean_magnitude(clean, clean * np.float32(gain), rate_hz)
        assert made.shape == clean.shape
        assert np.abs(made - np.sign(gain) * clean).max() < 1e-6


def test_a_steady_filter_is_undone_and_a_delay_is_not() -> None:
    clean = tone(1_000, 44_100) + tone(5_000, 44_100, level=0.1)
    duller = tone(1_000, 44_100) + tone(5_000, 44_100, level=0.02)
    inside = slice(4_096, -4_096)  # at the ends a tone begins at once, and its spectrum is wide
    assert np.abs(clean_magnitude(clean, duller, 44_100) - clean)[:, inside].max() < 1e-3
    later = np.roll(noise(44_100), 100, axis=1)
    assert np.abs(clean_magnitude(noise(44_100), later, 44_100) - noise(44_100)).max() > 0.1


def test_silence_and_what_is_all_but_silence_have_no_phase() -> None:
    clean = noise(20_000)
    for level in (0.0, 1e-42):
        made = clean_magnitude(clean, np.full_like(clean, level), 44_100)
        assert np.isfinite(made).all()
        assert not made.any()
    assert not clean_magnitude(np.zeros_like(clean), clean, 44_100).any()


def test_a_long_piece_is_what_its_parts_are() -> None:
    clean, damaged = noise(400_000), noise(400_000, seed=1)
    whole = clean_magnitude(clean, damaged, 44_100)
    part = clean_magnitude(clean[:, 204_800:], damaged[:, 204_800:], 44_100)
    assert np.abs(whole[:, 204_800 + 2_048 :] - part[:, 2_048:]).max() < 1e-6


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("frames", [1, 319, 20_001])
def test_a_round_trip_keeps_shape_and_place_at_any_rate(rate_hz: int, frames: int) -> None:
    low = tone(440, frames, rate_hz, level=0.3) if frames > 319 else noise(frames)
    for channels in (1, 2):
        audio = np.ascontiguousarray(low[:channels])
        made = round_trip(audio, rate_hz, Pcm(48_000, 2))
        assert made is not None
        assert made.shape == audio.shape
        if frames > 319:
            middle = slice(2_000, -2_000)
            assert np.abs(made - audio)[:, middle].max() < 2e-3


def test_channels_that_a_codec_has_no_place_for() -> None:
    stereo = noise(1_000)
    assert round_trip(noise(1_000, channels=6), 48_000, Pcm(48_000, 2)) is None
    made = round_trip(stereo, 48_000, Pcm(48_000, 1))
    assert made is not None
    assert np.abs(made - stereo).max() < 2.0**-15
