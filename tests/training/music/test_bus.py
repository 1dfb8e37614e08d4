"""The mix bus: each setting does what it says, and what leaves it is always fit to be a file."""

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.training.music.bus import PEAK_DBFS, SILENCE_S, Bus, draw_bus, through_bus
from rebounce.training.music.statistics import crest_factor_db, power_spectrum, side_over_mid_db
from rebounce.training.music.style import BusRanges

RATE = 44_100


def noise(level: float = 0.1, seconds: float = 3.0, rate_hz: int = RATE) -> Audio:
    return (level * np.random.default_rng(0).standard_normal((2, round(seconds * rate_hz)))).astype(np.float32)


def band_db(audio: Audio, low_hz: float, high_hz: float) -> float:
    hz, power = power_spectrum(audio, RATE)
    return float(10 * np.log10(power[(hz > low_hz) & (hz < high_hz)].mean()))


@pytest.mark.parametrize("level", [1e-6, 0.001, 0.1, 3.0])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 192_000])
def test_it_ends_at_its_peak_whatever_comes_in(level: float, rate_hz: int) -> None:
    out = through_bus(noise(level, rate_hz=rate_hz), rate_hz, Bus(drive_db=4.0))
    assert 20 * np.log10(np.abs(out).max()) == pytest.approx(PEAK_DBFS, abs=1e-3)


@pytest.mark.parametrize("frames", [0, 1, 100, RATE])
def test_silence_stays_silence_at_any_length(frames: int) -> None:
    out = through_bus(np.zeros((2, frames), dtype=np.float32), RATE, Bus())
    assert out.shape == (2, frames)
    assert not np.any(out)


def test_it_leaves_no_direct_current_and_a_silent_end() -> None:
    lopsided = np.abs(noise()) + np.float32(0.05)
    out = through_bus(lopsided, RATE, Bus(drive_db=5.0))
    assert abs(float(out.mean())) < 2e-3
    assert not np.any(out[:, out.shape[1] - int(SILENCE_S * RATE) + 2 :])


def test_drive_takes_the_peaks_down() -> None:
    crests = [crest_factor_db(through_bus(noise(), RATE, Bus(drive_db=drive))) or 0.0 for drive in (-11.0, 0.0, 6.0)]
    assert crests[0] - 0.5 > crests[1] > crests[2] + 1.0


def test_tilt_turns_the_spectrum_around_the_middle() -> None:
    plain, tilted = (through_bus(noise(), RATE, Bus(tilt_db=tilt)) for tilt in (0.0, 4.0))
    middle = band_db(tilted, 700, 800) - band_db(plain, 700, 800)
    assert band_db(tilted, 9_000, 15_000) - band_db(plain, 9_000, 15_000) - middle == pytest.approx(4.0, abs=0.6)
    assert band_db(tilted, 40, 80) - band_db(plain, 40, 80) - middle == pytest.approx(-4.0, abs=0.6)


def test_width_changes_the_side_above_the_bass_and_nothing_of_the_mid() -> None:
    plain, wide = (through_bus(noise(), RATE, Bus(side_db=side, glue_ratio=1.0)) for side in (0.0, 5.0))
    assert (side_over_mid_db(wide) or 0) - (side_over_mid_db(plain) or 0) == pytest.approx(5.0, abs=0.3)
    side_plain, side_wide = (audio[:1] - audio[1:] for audio in (plain, wide))
    mid_plain, mid_wide = (audio[:1] + audio[1:] for audio in (plain, wide))
    level = band_db(mid_wide, 1_000, 5_000) - band_db(mid_plain, 1_000, 5_000)
    assert band_db(side_wide, 2_000, 5_000) - band_db(side_plain, 2_000, 5_000) - level == pytest.approx(5.0, abs=0.3)
    assert band_db(side_wide, 26, 40) - band_db(side_plain, 26, 40) - level < 1.5


def test_every_setting_is_drawn_within_its_range_and_they_differ() -> None:
    ranges = BusRanges()
    drawn = [draw_bus(ranges, np.random.default_rng(seed)) for seed in range(30)]
    for name in ("glue_ratio", "tilt_db", "body_db", "side_db", "drive_db"):
        low, high = getattr(ranges, name)
        values = [getattr(bus, name) for bus in drawn]
        assert all(low <= value <= high for value in values)
        assert max(values) - min(values) > 0.7 * (high - low)
