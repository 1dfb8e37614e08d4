"""What is remembered of a file's bands, against noise and tones whose levels are known."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.band_levels import BandLevels, band_centres_hz, band_edges_hz


def seen(audio: np.ndarray, sample_rate_hz: float = 44_100.0) -> BandLevels:
    levels = BandLevels(sample_rate_hz, silence_dbfs=-80.0)
    levels.see(audio)
    levels.body.take(levels.tail)
    return levels


def test_bands_follow_one_another_and_are_never_narrower_than_150_hz() -> None:
    edges, centres = band_edges_hz(), band_centres_hz()
    assert np.all(np.diff(edges) > 150 - 1e-9)
    assert np.all((edges[:-1] < centres) & (centres < edges[1:]))
    assert np.all(np.diff(np.log2(edges[edges > 2_000])) == pytest.approx(1 / 6))


@pytest.mark.parametrize("sample_rate_hz", [8_000.0, 44_100.0, 96_000.0])
def test_white_noise_has_one_density_and_is_flat(sample_rate_hz: float) -> None:
    levels = seen(noise(int(8 * sample_rate_hz), level=0.01), sample_rate_hz)
    expected_db = 10 * np.log10(0.01**2 / (sample_rate_hz / 2))
    np.testing.assert_allclose(levels.body.softest_db(0.5), expected_db, atol=1.2)
    assert np.all(np.abs(levels.body.flatness_db(1.0) + 2.5) < 0.9)
    assert levels.programme_dbfs() == pytest.approx(-40, abs=1)
    assert levels.total_dbfs(levels.body.softest_db(0.5)) == pytest.approx(-40, abs=1)


def test_noise_scatters_as_it_is_said_to() -> None:
    levels = seen(noise(40 * 44_100, level=0.01))
    spread_db = (levels.body.softest_db(0.84) - levels.body.softest_db(0.16)) / 2
    np.testing.assert_allclose(spread_db / levels.scatter_db, 1, atol=0.25)


def test_all_frames_of_noise_are_around_its_density_and_flat_there() -> None:
    levels = seen(noise(20 * 44_100, level=0.01))
    density_db = levels.body.softest_db(0.5)
    shares, flatness_db = levels.body.around_db(density_db, 6 * levels.scatter_db)
    assert shares.min() > 0.99
    assert np.all(np.abs(flatness_db + 2.5) < 0.9)
    below, _ = levels.body.around_db(density_db - 20, levels.scatter_db)
    assert below.max() == 0


def test_a_tone_is_not_flat() -> None:
    levels = seen(tone(5_000, 5 * 44_100))
    band = np.searchsorted(band_edges_hz(), 5_000) - 1
    assert levels.body.flatness_db(1.0)[band] < -8


def test_what_follows_the_last_loud_frame_is_counted_apart() -> None:
    levels = BandLevels(44_100.0, silence_dbfs=-80.0)
    loud, soft = noise(2048 * 5, level=0.1), noise(2048 * 3, level=0.01)
    for slab in (loud, soft, loud, soft):
        levels.see(slab)
    assert (levels.body.frames, levels.tail.frames) == (13, 3)


def test_silence_and_frames_that_are_silent_in_part_are_left_out() -> None:
    audio = noise(2048 * 10)
    audio[:, 2048 * 4 : 2048 * 7 + 1000] = 0
    assert seen(audio).body.frames == 6
    assert seen(np.zeros((2, 20_000), dtype=np.float32)).programme_dbfs() is None
