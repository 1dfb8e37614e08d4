import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.mp3_frames import BIT_RATES, MPEG_1, RATE_SHIFTS, RATES_HZ, read_frame_header
from rebounce.training.faults.mp3_coding import (
    CODED_RATES_HZ,
    CODER_DELAY_FRAMES,
    bit_rates_kbps,
    coded_cbr,
    coded_vbr,
    encoded,
)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", CODED_RATES_HZ)
def test_each_frame_has_the_rate_and_the_bit_rate_asked_for(rate_hz: int, channels: int) -> None:
    for bitrate_kbps in bit_rates_kbps(rate_hz):
        data, frames = encoded(noise(6_000, channels), rate_hz, bitrate_kbps), 0
        while data:
            header = read_frame_header(data[:4])
            assert header is not None
            assert RATES_HZ[header.rate_index] >> RATE_SHIFTS[header.version] == rate_hz
            assert header.is_mono == (channels == 1)
            assert BIT_RATES[header.version == MPEG_1][header.bit_rate_index] == bitrate_kbps
            data, frames = data[header.frame_bytes :], frames + 1
        assert frames > 5


def test_the_rates_are_those_of_mpeg_1_2_and_2_5() -> None:
    assert CODED_RATES_HZ == (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
    assert (bit_rates_kbps(8_000)[-1], bit_rates_kbps(16_000)[-1], bit_rates_kbps(32_000)[-1]) == (64, 160, 320)


def bursts(channels: int, frames: int = 16_000) -> Audio:
    """Bells of 12 frames, up and down: nothing above a fiftieth of the rate, where the lowest bit-rates end."""
    time = np.arange(frames)
    middles = frames * np.arange(1, 8) / 8
    wave = sum((-1) ** number * np.exp(-0.5 * ((time - at) / 12) ** 2) for number, at in enumerate(middles))
    return np.asarray(np.array([[0.6], [0.4]])[:channels] * wave, dtype=np.float32)


def lag_frames(audio: Audio, decoded: Audio) -> float:
    """Where the cross-correlation over all channels has its peak, to a sixteenth of a frame."""
    frames = audio.shape[1]
    size = 2 * frames
    spectra = [np.fft.rfft(one.astype(np.float64), size, axis=1) for one in (decoded, audio)]
    correlation = np.fft.irfft(np.sum(spectra[0] * spectra[1].conj(), axis=0), 16 * size)
    peak = int(np.argmax(correlation))
    return (peak if peak < 8 * size else peak - 16 * size) / 16


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", CODED_RATES_HZ)
def test_a_soft_burst_comes_back_where_it_was_at_every_bit_rate(rate_hz: int, channels: int) -> None:
    audio = bursts(channels)
    for bitrate_kbps in bit_rates_kbps(rate_hz):
        decoded = coded_cbr(audio, rate_hz, bitrate_kbps)
        assert decoded.shape == audio.shape
        assert abs(lag_frames(audio, decoded)) < 1, bitrate_kbps
        assert np.vdot(decoded, audio) > 0.8 * np.vdot(audio, audio), bitrate_kbps


@pytest.mark.parametrize("level", [1e20, 3.3e38])
def test_the_loudest_that_float32_can_hold_is_coded_as_well(level: float) -> None:
    audio = (bursts(2) / 0.61 * level).astype(np.float32)
    for decoded in (coded_cbr(audio, 44_100, 128), coded_vbr(audio, 44_100, 2.0)):
        assert np.isfinite(decoded).all()
        error = np.std(decoded.astype(np.float64) - audio) / np.std(audio.astype(np.float64))
        assert error < 0.3


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", CODED_RATES_HZ)
def test_an_impulse_comes_back_where_it_was_with_and_without_room_for_the_tag(rate_hz: int, channels: int) -> None:
    frames = 2 * CODER_DELAY_FRAMES
    for bitrate_kbps in bit_rates_kbps(rate_hz)[2 * channels :]:
        for place in (5, 600, frames - 1):
            audio = np.zeros((channels, frames), dtype=np.float32)
            audio[:, place] = 0.9
            decoded = coded_cbr(audio, rate_hz, bitrate_kbps)
            assert decoded.shape == audio.shape
            assert list(np.argmax(np.abs(decoded), axis=1)) == [place] * channels
