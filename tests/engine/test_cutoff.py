"""A cut-off is found where something was cut off, at its place, and nowhere else."""

import numpy as np
import pytest
from scipy import signal
from signals import cut, noise, tone
from synthetic_music import mix, pink, speech_like, walled

from rebounce.engine.audio import Audio
from rebounce.engine.cutoff import NOTHING_MISSING, find_cutoff
from rebounce.engine.resampling import resample_blocks

RATE = 44_100


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("cutoff_hz", [8_000, 11_000, 16_000, 18_600])
def test_a_wall_is_found_at_its_place(rate_hz: int, cutoff_hz: int) -> None:
    for music in (pink(6, rate_hz), mix(6, rate_hz)):
        found = find_cutoff([walled(music, cutoff_hz, rate_hz)], rate_hz)
        assert found.cutoff_hz == pytest.approx(cutoff_hz, rel=0.02)
        assert found.transition_hz is not None
        assert found.transition_hz < 400


def test_the_slope_below_the_wall_is_measured() -> None:
    tilted = signal.lfilter([1], [1, -0.7], pink(6), axis=1).astype(np.float32)
    frequencies_hz = np.asarray([8_000.0, 15_000.0])
    _, response = signal.freqz([1], [1, -0.7], frequencies_hz, fs=RATE)
    octaves = np.log2(frequencies_hz[1] / frequencies_hz[0])
    expected = 20 * np.log10(np.abs(response[1] / response[0])) / octaves - 3
    found = find_cutoff([walled(tilted, 16_000)], RATE)
    assert found.slope_db_per_octave == pytest.approx(expected, abs=1.5)


def test_the_edge_that_a_resampler_leaves_is_found() -> None:
    music = pink(6, 32_000)
    [*blocks] = resample_blocks([music], 32_000, RATE, music.shape[1])
    found = find_cutoff(blocks, RATE)
    assert found.cutoff_hz is not None
    assert 14_500 < found.cutoff_hz < 16_000


@pytest.mark.parametrize("quality", [2.0, 4.0, 6.0])
def test_the_edge_that_an_mp3_leaves_is_found(quality: float) -> None:
    from pedalboard import MP3Compressor

    music = mix(6, RATE)
    coded = MP3Compressor(vbr_quality=quality)(music, RATE)
    found = find_cutoff([coded], RATE)
    assert found.cutoff_hz is not None
    power = np.mean(signal.welch(coded, RATE, nperseg=2048, axis=1)[1], axis=0)
    below, above = (int(share * found.cutoff_hz / RATE * 2048) for share in (0.97, 1.08))
    assert 10 * np.log10(power[below] / power[above]) > 20


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 96_000])
def test_full_band_music_has_none(rate_hz: int) -> None:
    for music in (pink(6, rate_hz), mix(6, rate_hz), noise(6 * rate_hz)):
        assert find_cutoff([music], rate_hz) == NOTHING_MISSING


@pytest.mark.parametrize(("order", "cutoff_hz"), [(1, 1_000), (2, 3_000), (4, 8_000), (8, 6_000), (8, 12_000)])
def test_music_dulled_by_a_filter_has_none(order: int, cutoff_hz: int) -> None:
    low = signal.butter(order, cutoff_hz, fs=RATE, output="sos")
    for music in (pink(6), mix(6, RATE)):
        dull = signal.sosfilt(low, music, axis=1).astype(np.float32)
        assert find_cutoff([dull], RATE) == NOTHING_MISSING


@pytest.mark.parametrize("cutoff_hz", [19_500, 20_500])
def test_a_wall_that_leaves_all_that_is_heard_is_none(cutoff_hz: int) -> None:
    assert find_cutoff([walled(pink(6), cutoff_hz)], RATE) == NOTHING_MISSING
    assert find_cutoff([walled(pink(6, 96_000), cutoff_hz, 96_000)], 96_000) == NOTHING_MISSING


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, RATE), dtype=np.float32),
        np.full((2, RATE), 0.5, dtype=np.float32),
        tone(1_000, 3 * RATE),
        tone(9_000, 3 * RATE),
        tone(440, 3 * RATE) + tone(5_000, 3 * RATE) + tone(15_000, 3 * RATE),
        np.sum([tone(220.0 * number, 3 * RATE, level=0.05) for number in range(1, 60)], axis=0),
        speech_like(),
        noise(0),
        noise(1),
        noise(2_000),
    ],
    ids=["silence", "DC", "1 kHz", "9 kHz", "three tones", "60 partials", "speech", "no frames", "one frame", "short"],
)
def test_what_is_not_dense_up_to_an_edge_has_none(audio: Audio) -> None:
    assert find_cutoff([audio], RATE) == NOTHING_MISSING


def test_a_soft_full_band_part_beside_a_loud_dull_one_tells_that_nothing_was_cut() -> None:
    loud, soft = walled(pink(4), 9_000), pink(4) * np.float32(0.03)
    assert find_cutoff([loud, soft], RATE) == NOTHING_MISSING


def test_the_cut_of_the_blocks_does_not_matter() -> None:
    music = walled(mix(3, RATE), 16_000)
    assert find_cutoff(cut(music, [319, 48_001]), RATE) == find_cutoff([music], RATE)
