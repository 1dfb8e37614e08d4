"""Bands cover the spectrum once, and mid and side are what they should be."""

import numpy as np
import pytest
from signals import noise

from rebounce.engine.overlap_add import powers_of, spectra_of
from rebounce.engine.repair.reverb_bands import BANDS, band_powers, band_starts, reverb_framing, rows_of


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_every_bin_up_to_22_khz_counts_in_one_band(rate_hz: int) -> None:
    framing = reverb_framing(rate_hz)
    starts = band_starts(framing, rate_hz)
    spectra = spectra_of(rows_of(noise(8 * framing.size)), framing)
    banded = band_powers(spectra, starts)
    assert banded.shape == (2, spectra.shape[1], BANDS)
    whole = powers_of(spectra)[..., : starts[-1]].sum(axis=2)
    np.testing.assert_allclose(banded.sum(axis=2), whole, rtol=1e-4)
    assert starts[-1] * framing.bin_hz(rate_hz) >= min(rate_hz / 2, 22_000)


def test_mid_and_side_lead_back_to_left_and_right() -> None:
    audio = noise(1_000)
    np.testing.assert_allclose(rows_of(rows_of(audio)), audio, atol=1e-7)
    np.testing.assert_array_equal(rows_of(np.concatenate([audio[:1], audio[:1]]))[1], 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_no_pair_counts_as_mid(channels: int) -> None:
    framing = reverb_framing(44_100)
    spectra = spectra_of(rows_of(noise(4 * framing.size, channels)), framing)
    banded = band_powers(spectra, band_starts(framing, 44_100))
    assert not banded[1].any()
    assert banded[0].any()
