"""`Mp3`, measured on two seconds of a synthetic mix and on impulses."""

from typing import Any

import numpy as np
import pytest
from signals import lag_frames, noise, tone
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.mp3 import Mp3, nearest_coded_rate_hz


def cbr(bitrate_kbps: int, coded_rate_hz: int | str = "auto") -> dict[str, Any]:
    return {"mode": "cbr", "coded_rate_hz": coded_rate_hz, "bitrate_kbps": bitrate_kbps}


def vbr(quality: float) -> dict[str, Any]:
    return {"mode": "vbr", "coded_rate_hz": "auto", "vbr_quality": quality}


def snr_db(audio: Audio, damaged: Audio) -> float:
    error = damaged.astype(np.float64) - audio
    return float(10 * np.log10(np.sum(audio.astype(np.float64) ** 2) / np.sum(error**2)))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("parameters", [cbr(24), cbr(32), cbr(56), cbr(128), cbr(256), vbr(2), cbr(64, 22_050)])
def test_nothing_comes_late(channels: int, rate_hz: int, parameters: dict[str, Any]) -> None:
    audio = mix(0.5, rate_hz)[:channels]
    assert lag_frames(audio, apply_fault(Mp3(), audio, rate_hz, parameters)) == 0


@pytest.mark.parametrize("frames", [1, 2, 575, 1_151, 1_152, 1_153, 48_001])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("parameters", [cbr(16), cbr(32), cbr(320), vbr(0), cbr(48, 11_025)])
def test_as_many_frames_come_out_as_went_in(frames: int, rate_hz: int, parameters: dict[str, Any]) -> None:
    audio = mix(1.1, 44_100)[:, :frames]
    damaged = apply_fault(Mp3(), audio, rate_hz, parameters)
    assert damaged.shape == audio.shape
    assert np.isfinite(damaged).all()


@pytest.mark.parametrize("frames", [1_151, 1_152, 1_153, 48_001])
@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_at_256_kbps_little_is_lost_from_the_first_frame_to_the_last(frames: int, rate_hz: int, channels: int) -> None:
    audio = tone(440, frames, rate_hz)[:channels] + tone(3_000, frames, rate_hz, level=0.1)[:channels]
    damaged = apply_fault(Mp3(), audio, rate_hz, cbr(256))
    assert snr_db(audio, damaged) > 25
    # An abrupt end is not what a coder is good at, but it is there.
    assert snr_db(audio[:, -300:], damaged[:, -300:]) > 12


@pytest.mark.parametrize("kbps", [48, 64, 128, 160, 192, 224, 256, 320])
def test_the_level_is_kept(kbps: int) -> None:
    audio = tone(440, 20_000, 44_100) + tone(1_000, 20_000, 44_100, level=0.2)
    damaged = apply_fault(Mp3(), audio, 44_100, cbr(kbps))
    assert np.vdot(damaged, audio) / np.vdot(audio, audio) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_a_higher_bit_rate_loses_less(rate_hz: int) -> None:
    audio = mix(2.0, rate_hz)
    losses = [snr_db(audio, apply_fault(Mp3(), audio, rate_hz, cbr(kbps))) for kbps in (32, 64, 128, 256, 320)]
    assert losses == sorted(losses)
    assert losses[-1] - losses[0] > 6
    qualities = [snr_db(audio, apply_fault(Mp3(), audio, rate_hz, vbr(quality))) for quality in (9, 5, 0)]
    assert qualities == sorted(qualities)


@pytest.mark.parametrize("parameters", [cbr(128), vbr(3)])
@pytest.mark.parametrize("times", [4, 1024])
def test_beyond_full_scale_it_does_the_same_only_louder(parameters: dict[str, Any], times: int) -> None:
    audio = mix(0.5, 44_100)
    audio *= np.float32(0.9) / np.abs(audio).max()
    damaged = apply_fault(Mp3(), audio, 44_100, parameters)
    louder = apply_fault(Mp3(), audio * np.float32(times), 44_100, parameters)
    np.testing.assert_array_equal(louder, damaged * np.float32(times))


@pytest.mark.parametrize("parameters", [cbr(64), vbr(5)])
def test_silence_stays_silent_and_the_same_again_is_the_same(parameters: dict[str, Any]) -> None:
    audio = mix(0.3, 44_100)
    np.testing.assert_array_equal(apply_fault(Mp3(), audio * 0, 44_100, parameters), 0)
    first, again = (apply_fault(Mp3(), audio, 44_100, parameters) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("parameters", [cbr(96), vbr(5)])
def test_more_than_two_channels_go_in_pairs(parameters: dict[str, Any]) -> None:
    audio = noise(5_000, channels=5)
    damaged = apply_fault(Mp3(), audio, 44_100, parameters)
    for pair in (slice(0, 2), slice(2, 4), slice(4, 5)):
        np.testing.assert_array_equal(damaged[pair], apply_fault(Mp3(), audio[pair], 44_100, parameters))


@pytest.mark.parametrize(
    ("rate_hz", "bitrate_kbps", "coded_hz"),
    [
        (44_100, 128, 44_100),
        (44_100, 24, 22_050),
        (48_000, 8, 24_000),
        (88_200, 128, 44_100),
        (96_000, 320, 48_000),
        (192_000, 64, 48_000),
        (22_050, 256, 44_100),
        (8_000, 64, 8_000),
        (11_050, 64, 11_025),
        (50_000, 128, 48_000),
        (176_400, None, 44_100),
    ],
)
def test_what_cannot_be_coded_is_coded_at_the_nearest_rate_that_can(
    rate_hz: int, bitrate_kbps: int | None, coded_hz: int
) -> None:
    assert nearest_coded_rate_hz(rate_hz, bitrate_kbps) == coded_hz


@pytest.mark.parametrize("rate_hz", [11_050, 44_100, 96_000])
def test_a_rate_in_between_takes_what_is_above_its_half_and_leaves_the_rest_in_place(rate_hz: int) -> None:
    low, high = tone(1_000, 20_000, rate_hz, level=0.3), tone(0.46 * rate_hz, 20_000, rate_hz, level=0.3)
    damaged = apply_fault(Mp3(), low + high, rate_hz, cbr(64, 8_000))
    middle = slice(2_000, -2_000)
    assert snr_db(low[:, middle], damaged[:, middle]) > 50


def test_it_draws_64_to_256_kbps_and_keeps_what_can_be_coded() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_fault(Mp3(), rng) for _ in range(200)]
    assert {item["bitrate_kbps"] for item in drawn} == {64, 80, 96, 112, 128, 160, 192, 224, 256}
    assert draw_fault(Mp3(), rng, {"bitrate_kbps": 256, "coded_rate_hz": 22_050})["bitrate_kbps"] == 160
    assert draw_fault(Mp3(), rng, {"bitrate_kbps": 8, "coded_rate_hz": 44_100})["bitrate_kbps"] == 32
    assert draw_fault(Mp3(), rng, {"mode": "vbr", "vbr_quality": 4})["vbr_quality"] == 4


def test_what_is_no_number_never_reaches_the_encoder() -> None:
    audio = noise(3_000)
    audio[1, 700] = np.nan
    with pytest.raises(UsageError, match="nan in channel 1 at frame 700"):
        apply_fault(Mp3(), audio, 44_100, cbr(128))
