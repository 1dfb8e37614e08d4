"""The limiter's ceiling and drive, on noise and on levels that are known."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters, apply_fault
from rebounce.training.faults.limiting import Limiting

RATE = 44_100


def settings(drive_db: float = 12.0, keeps_level: bool = False) -> Parameters:
    return {"drive_db": drive_db, "release_ms": 100.0, "keeps_level": keeps_level}


def spiky(frames: int = 40_000, channels: int = 2) -> Audio:
    """Soft noise with a few loud frames: what a limiter is for."""
    audio = noise(frames, channels, level=0.02)
    audio[:, 1_000::20_000] = 0.7
    return audio


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("drive_db", [6.0, 16.0])
def test_no_sample_passes_the_former_peak(rate: int, channels: int, drive_db: float) -> None:
    audio = spiky(channels=channels)
    damaged = apply_fault(Limiting(), audio, rate, settings(drive_db))
    assert np.abs(damaged).max() == pytest.approx(np.abs(audio).max(), rel=1e-5)
    assert np.median(np.abs(damaged)) > 1.2 * np.median(np.abs(audio))


def test_what_is_far_from_any_peak_is_turned_up_by_the_drive() -> None:
    audio = noise(80_000, level=0.02)
    audio[:, 40_000] = 0.7
    damaged = apply_fault(Limiting(), audio, RATE, settings(12.0))
    np.testing.assert_allclose(damaged[:, :30_000], audio[:, :30_000] * 10 ** (12 / 20), rtol=1e-5)
    assert damaged[0, 40_000] == pytest.approx(0.7, rel=1e-4)


def test_the_gain_is_on_its_way_back_after_the_release() -> None:
    audio = np.concatenate([tone(1_000, RATE, RATE, 0.7), tone(1_000, RATE, RATE, 0.007)], axis=1)
    for release_ms in (50.0, 300.0):
        damaged = apply_fault(Limiting(), audio, RATE, settings() | {"release_ms": release_ms})
        after = RATE + round(release_ms / 1000 * RATE)
        piece = slice(after - 50, after + 50)
        gain = np.abs(damaged[:, piece]).max() / np.abs(audio[:, piece]).max()
        assert 1.5 < gain < 3.6


def test_one_gain_holds_for_all_channels() -> None:
    loud = spiky(channels=1)
    audio = np.concatenate([loud, loud * np.float32(0.01), -loud])
    damaged = apply_fault(Limiting(), audio, RATE, settings())
    np.testing.assert_allclose(damaged, np.concatenate([damaged[:1], damaged[:1] * 0.01, -damaged[:1]]), rtol=1e-4)


def test_the_level_is_kept_where_that_is_asked() -> None:
    audio = spiky()
    damaged = apply_fault(Limiting(), audio, RATE, settings(keeps_level=True))
    assert np.sqrt(np.mean(damaged**2)) == pytest.approx(np.sqrt(np.mean(audio**2)), rel=1e-4)
    assert np.abs(damaged).max() < 0.6 * np.abs(audio).max()


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 30.0])
@pytest.mark.parametrize("keeps_level", [True, False])
def test_it_does_the_same_at_any_level(scale: float, keeps_level: bool) -> None:
    audio = spiky()
    damaged = apply_fault(Limiting(), audio, RATE, settings(keeps_level=keeps_level))
    scaled = apply_fault(Limiting(), audio * np.float32(scale), RATE, settings(keeps_level=keeps_level))
    np.testing.assert_allclose(scaled, damaged * scale, rtol=1e-4, atol=1e-6 * scale)


def test_no_drive_changes_nothing() -> None:
    audio = spiky()
    np.testing.assert_allclose(apply_fault(Limiting(), audio, RATE, settings(0.0)), audio, rtol=1e-5)


@pytest.mark.parametrize("keeps_level", [True, False])
def test_silence_and_what_is_next_to_it_stay_finite(keeps_level: bool) -> None:
    silence = np.zeros((2, 5_000), dtype=np.float32)
    assert np.array_equal(apply_fault(Limiting(), silence, RATE, settings(keeps_level=keeps_level)), silence)
    faint = np.full((2, 5_000), 1e-42, dtype=np.float32)
    assert np.isfinite(apply_fault(Limiting(), faint, RATE, settings(keeps_level=keeps_level))).all()
