"""The edges against the scale's own formula."""

import numpy as np
import pytest

from rebounce.training.mel_scale import mel_edges_hz


@pytest.mark.parametrize(("rate_hz", "highest_hz"), [(48_000, 20_000), (40_000, 20_000), (16_000, 8_000)])
def test_bands_are_equally_wide_in_mel(rate_hz: int, highest_hz: float) -> None:
    edges_hz = mel_edges_hz(8, rate_hz)
    assert edges_hz[[0, -1]] == pytest.approx([20.0, highest_hz])
    widths = np.diff(2595 * np.log10(1 + edges_hz / 700))
    np.testing.assert_allclose(widths, widths[0])
    assert len(widths) == 8
