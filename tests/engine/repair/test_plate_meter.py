"""The spectrum that plates are looked for in does not depend on the cut, and hardly on the level."""

import numpy as np
import pytest
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.repair.plate_meter import PlateMeter, PlateSpectrum, near_mean

RATE = 8_000


def spectrum_of(audio: Audio, sizes: tuple[int, ...] = (10_000,)) -> PlateSpectrum | None:
    meter = PlateMeter(RATE, len(audio))
    for block in cut(audio, list(sizes)):
        meter.see(block)
    return meter.spectrum()


@pytest.mark.parametrize("seconds", [4.5, 9.0, 21.7])
def test_any_cut_gives_the_same_spectrum(seconds: float) -> None:
    audio = noise(round(seconds * RATE))
    one, other = spectrum_of(audio, (1_000_000,)), spectrum_of(audio, (1, 777, 30_000))
    assert one is not None
    assert other is not None
    for name in ("levels", "products", "powers"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_change_of_level_moves_all_levels_alike() -> None:
    """Every stretch is looked at against its peak."""
    one, other = spectrum_of(noise(9 * RATE)), spectrum_of(noise(9 * RATE) * np.float32(64))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.levels, other.levels, atol=1e-4)


def test_how_the_side_goes_along_is_told() -> None:
    """Where the side is the middle at a half, the products are half the powers."""
    one = noise(9 * RATE, 1)
    spectrum = spectrum_of(np.concatenate([1.5 * one, 0.5 * one]))
    assert spectrum is not None
    np.testing.assert_allclose(spectrum.products, 0.5 * spectrum.powers, rtol=1e-3)


def test_turns_are_those_of_the_bins() -> None:
    spectrum = spectrum_of(noise(5 * RATE, 1))
    assert spectrum is not None
    hertz = spectrum.turns * RATE / (2 * np.pi)
    assert hertz[0] == pytest.approx(200, abs=1)
    assert hertz[-1] == pytest.approx(0.45 * RATE, abs=1)
    assert len(hertz) == len(spectrum.levels)


@pytest.mark.parametrize(
    "audio",
    [noise(3 * RATE), np.zeros((2, 9 * RATE), dtype=np.float32), noise(9 * RATE, 3), noise(0)],
    ids=["three seconds", "silence", "three channels", "no frames"],
)
def test_too_little_gives_none(audio: Audio) -> None:
    assert spectrum_of(audio) is None


def test_the_mean_nearby_is_that_of_what_is_mirrored_at_the_ends() -> None:
    np.testing.assert_allclose(near_mean(np.array([0.0, 3.0, 6.0, 0.0]), 1), [2.0, 3.0, 3.0, 4.0])
