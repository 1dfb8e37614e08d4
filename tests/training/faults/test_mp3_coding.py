import numpy as np
import pytest
from signals import noise

from rebounce.engine.mp3_frames import BIT_RATES, MPEG_1, RATE_SHIFTS, RATES_HZ, read_frame_header
from rebounce.training.faults.mp3_coding import (
    CODED_RATES_HZ,
    CODER_DELAY_FRAMES,
    bit_rates_kbps,
    coded_cbr,
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
