"""What heads are taught, against signals whose measures are known without measuring."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.tokens import Framing
from rebounce.training.bundle_measures import BANDS, COLUMNS, SIDE_COLUMNS, measures_of
from rebounce.training.mel_scale import mel_edges_hz

RATE_HZ = 48_000
FRAMING = Framing(segment_frames=48_000, stride_frames=38_400, hop_frames=320)
BLOCK_FRAMES = 2_400


def of_one(clean: Audio, damaged: Audio | None = None) -> dict[str, float]:
    """The measures of the first segment by their names."""
    row = measures_of(clean, clean if damaged is None else damaged, FRAMING, RATE_HZ)[0]
    return dict(zip(COLUMNS, row.tolist(), strict=True))


@pytest.mark.parametrize("gain_db", [-12.0, -1.0, 0.0, 3.0])
def test_a_gain_is_its_opposite_and_changes_nothing_else(gain_db: float) -> None:
    music = noise(48_000) * np.linspace(0.2, 1, 48_000, dtype=np.float32)
    found = of_one(music, music * np.float32(10 ** (gain_db / 20)))
    assert found["gain_db"] == pytest.approx(-gain_db, abs=1e-5)
    for name in SIDE_COLUMNS:
        assert found[f"damaged.{name}"] == pytest.approx(found[f"clean.{name}"], abs=1e-4)


def test_what_is_only_added_is_no_gain() -> None:
    music = noise(48_000)
    found = of_one(music, music + noise(48_000, seed=1, level=0.1))
    assert found["gain_db"] == pytest.approx(0, abs=0.1)


def test_a_gain_stays_within_24_db() -> None:
    music = noise(48_000)
    assert of_one(music, music * np.float32(1e-4))["gain_db"] == 24
    assert of_one(music, music * np.float32(1e4))["gain_db"] == -24
    assert of_one(music, -music)["gain_db"] == 24


def test_the_crest_of_a_sine_is_3_db_and_of_a_square_0() -> None:
    sine = tone(1_000, 48_000, RATE_HZ)
    found = of_one(sine, np.sign(sine) + np.float32(1e-9))
    assert found["clean.crest_db"] == pytest.approx(3.0103, abs=1e-3)
    assert found["damaged.crest_db"] == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(("ratio", "swing_db"), [(0.5, 3.0103), (0.1, 10.0), (0.0, 21.505)])
def test_the_swing_is_the_spread_of_the_level_and_a_pause_is_40_db_down(ratio: float, swing_db: float) -> None:
    """Two levels equally often: half of what lies between them; a pause is 43 dB under the sound around it."""
    turns = np.tile(np.repeat([1.0, ratio], BLOCK_FRAMES), 10).astype(np.float32)
    assert of_one(tone(1_000, 48_000, RATE_HZ) * turns)["clean.swing_db"] == pytest.approx(swing_db, abs=1e-3)


@pytest.mark.parametrize(("side", "width_db"), [(0.5, -6.0206), (2.0, 6.0206), (0.0, -30.0), (1e-3, -30.0)])
def test_the_width_is_side_over_mid(side: float, width_db: float) -> None:
    mid, other = tone(1_000, 48_000, RATE_HZ)[0], tone(2_000, 48_000, RATE_HZ)[0]
    found = of_one(np.stack([mid + side * other, mid - side * other]).astype(np.float32))
    assert found["clean.width_db"] == pytest.approx(width_db, abs=1e-3)
    assert found["clean.correlation"] == pytest.approx((1 - side**2) / (1 + side**2), abs=1e-5)


def test_opposite_sides_are_as_wide_as_it_gets_and_one_side_alone_has_no_correlation() -> None:
    left = noise(48_000, channels=1)
    opposite = of_one(np.concatenate([left, -left]))
    assert opposite["clean.width_db"] == 30
    assert opposite["clean.correlation"] == pytest.approx(-1)
    alone = of_one(np.concatenate([left, 0 * left]))
    assert alone["clean.width_db"] == pytest.approx(0, abs=1e-6)
    assert alone["clean.correlation"] == 0


def test_one_channel_is_as_two_that_are_alike() -> None:
    mono = noise(48_000, channels=1)
    one, two = measures_of(mono, mono, FRAMING, RATE_HZ), measures_of(*2 * (mono.repeat(2, 0),), FRAMING, RATE_HZ)
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_the_bands_of_white_noise_are_as_strong_as_they_are_wide() -> None:
    widths_hz = np.diff(mel_edges_hz(BANDS, RATE_HZ))
    expected_db = 10 * np.log10(widths_hz / widths_hz.sum())
    found = of_one(noise(48_000))
    np.testing.assert_allclose([found[f"clean.band_{band}_db"] for band in range(BANDS)], expected_db, atol=0.4)


def test_a_tone_is_in_its_own_band_and_bands_without_music_are_60_db_down() -> None:
    edges_hz = mel_edges_hz(BANDS, RATE_HZ)
    fade = np.hanning(48_000).astype(np.float32)
    for band in range(BANDS):
        found = of_one(tone(float(edges_hz[band : band + 2].mean()), 48_000, RATE_HZ) * fade)
        levels = np.array([found[f"clean.band_{place}_db"] for place in range(BANDS)])
        assert levels[band] == pytest.approx(0, abs=0.01)
        assert levels.min() == -60


@pytest.mark.parametrize("frames", [0, 1, 1_000, 38_400, 48_000, 100_001])
def test_a_row_is_about_its_own_segment_alone(frames: int) -> None:
    clean, damaged = noise(frames), noise(frames, seed=1)
    found = measures_of(clean, damaged, FRAMING, RATE_HZ)
    assert found.shape == (FRAMING.segments(frames), 25)
    assert found.dtype == np.float32
    for row, start in zip(found, FRAMING.starts(frames), strict=True):
        cut = slice(start, start + FRAMING.segment_frames)
        np.testing.assert_array_equal(measures_of(clean[:, cut], damaged[:, cut], FRAMING, RATE_HZ)[0], row)


def test_silence_has_nothing_of_anything() -> None:
    assert not measures_of(np.zeros((2, 50_000), np.float32), noise(50_000) * 0, FRAMING, RATE_HZ).any()


@pytest.mark.parametrize("level", [1e-37, 1e-20, 1e15, 1e37])
def test_no_level_is_too_much_or_too_little(level: float) -> None:
    clean, damaged = noise(50_000), noise(50_000, seed=1)
    expected = measures_of(clean, damaged, FRAMING, RATE_HZ)
    found = measures_of(clean * np.float32(level), damaged * np.float32(level), FRAMING, RATE_HZ)
    np.testing.assert_allclose(found, expected, atol=0.05)
    one_sided = measures_of(clean * np.float32(level), clean * 0, FRAMING, RATE_HZ)
    assert np.isfinite(one_sided).all()
