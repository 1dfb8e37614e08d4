"""Finds the plate that a mix went through, if it did, by the ripple that it leaves on the spectrum.

The logarithm of the spectrum is that of the music and that of the plate added up; the music's own differs from bin to
bin without any rule, the plate's is known but for three numbers and a delay. Its first echoes, which hardly depend on
these, are looked for in the cepstrum; what is found is then fitted to the whole spectrum (see `plate_fit`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.repair.plate import LATEST_S, Floats, Plate, PlateResponse, middle_of
from rebounce.engine.repair.plate_fit import PlateFit, ripple_of
from rebounce.engine.repair.plate_meter import PlateSpectrum

# Of 329 clean pieces of 20 s none reached 15, nor did any with another kind of room, an echo or another fault; of 27
# pieces of the half `tuning` with a plate all were above 47.
LEAST_SCORE = 24.0
# A fit must explain some of the ripple.
MOST_LEFT = 0.97
# A plate that some voices of a mix were sent to is the music's own. Of 36 pieces of the half `tuning` with a plate over
# all of them, 34 come to less than 0.17; of 32 made mixes with one on their desk all but one, nearly all of which is a
# pad, to 0.2 or more.
MOST_UNEVEN = 0.18

# The echoes that a plate is known by lie in this stretch, and ripples are looked at up to there.
KNOWN_FROM_S, KNOWN_TO_S, REACH_S = 0.0045, 0.27, 0.75
# Later than the latest by so much, and up to half the reach, there is chance alone.
CHANCE_AFTER_S = 0.045
KNOWN_BY = tuple(product((0.1, 0.4, 0.7), (0.15, 0.5, 0.85)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where the first echoes of a plate are most likely to be: how late, and how far that stands out from chance."""

    score: float
    late_frames: int


def search_plate(spectrum: PlateSpectrum | None) -> Plate | None:
    """The plate that all of the mix went through; None where there is none beyond doubt."""
    if spectrum is None:
        return None
    ripple = ripple_of(spectrum)
    mark = mark_in(ripple, spectrum)
    if mark.score < LEAST_SCORE:
        return None
    fit = PlateFit(spectrum, ripple, mark.late_frames)
    found = fit.best()
    if found.left > MOST_LEFT or fit.unevenness(found) > MOST_UNEVEN:
        return None
    return Plate(
        level=float(f"{found.level:.5g}"),
        late_s=mark.late_frames / spectrum.sample_rate_hz,
        room_size=round(found.room_size, 4),
        damping=round(found.damping, 4),
        width=round(fit.width(found), 3),
    )


def mark_in(ripple: Floats, spectrum: PlateSpectrum) -> Mark:
    """The delay at which the first echoes of some plate fit best."""
    rate_hz = spectrum.sample_rate_hz
    whole = np.zeros(spectrum.size // 2 + 1)
    whole[spectrum.first : spectrum.first + ripple.size] = ripple
    reach = _reach(rate_hz)
    ripples = fft.irfft(whole, spectrum.size)[:reach]
    ripples[: round(KNOWN_FROM_S * rate_hz)] = 0
    spread = fft.rfft(ripples, 2 * reach)
    latest, chance = (round(seconds * rate_hz) for seconds in (LATEST_S, LATEST_S + CHANCE_AFTER_S))
    best = Mark(score=0.0, late_frames=0)
    for known in _known(rate_hz, spectrum.channels):
        fits = fft.irfft(spread * known, 2 * reach)
        late = int(np.argmax(fits[: latest + 1]))
        by_chance = float(np.sqrt(np.mean(np.square(fits[chance : reach // 2]))))
        if fits[late] > best.score * by_chance:
            best = Mark(score=float(fits[late]) / by_chance, late_frames=late)
    return best


def _reach(rate_hz: float) -> int:
    return 1 << round(math.log2(REACH_S * rate_hz))


@lru_cache(maxsize=8)
def _known(rate_hz: float, channels: int) -> tuple[NDArray[np.complex128], ...]:
    """The spectra of the first echoes of some plates, turned round and of unit length."""
    reach = _reach(rate_hz)
    response = PlateResponse(np.pi * np.arange(reach + 1) / reach, rate_hz)
    made = []
    for room_size, damping in KNOWN_BY:
        echoes = fft.irfft(middle_of(*response.sides(room_size, damping), channels).astype(np.complex128))
        echoes[: round(KNOWN_FROM_S * rate_hz)] = 0
        echoes[round(KNOWN_TO_S * rate_hz) :] = 0
        made.append(np.conj(fft.rfft(echoes / np.linalg.norm(echoes))))
    return tuple(made)
