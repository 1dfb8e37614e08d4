"""The mel scale: pitches that sound evenly spaced."""

import numpy as np
from numpy.typing import NDArray

LOWEST_HZ, HIGHEST_HZ = 20.0, 20_000.0


def mel_edges_hz(bands: int, sample_rate_hz: int) -> NDArray[np.float64]:
    """Where so many bands of equal width in mel begin and end, from 20 Hz to 20 kHz or half the rate: `(bands + 1,)`.

    After O'Shaughnessy: 2595 log10(1 + f / 700 Hz).
    """
    lowest, highest = (np.log1p(hz / 700) for hz in (LOWEST_HZ, min(HIGHEST_HZ, sample_rate_hz / 2)))
    return 700 * np.expm1(np.linspace(lowest, highest, bands + 1))
