"""The curve that gives one file the long-term spectrum of another, third of an octave by third of an octave.

What a filter will make of the input is computed from its spectrum, and what each third misses by is solved for, again
and again: a curve that is straight between the middles of thirds would leave errors of a decibel where a third holds a
single tone, near its edge. What always holds: the curve keeps within `limit_db` of its own middle, changes nothing of
the loudness, and is exactly 0 between equal spectra; where one of the two files is empty, beyond a coder's cut-off for
instance, it goes on as beside it.
"""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.repair.linear_phase import cell_gains, response_of
from rebounce.engine.repair.tone_spectrum import CELLS_PER_THIRD, THIRDS, Floats, ToneSpectrum, holds_something

ROUNDS = 10
# Holds back where thirds cannot be told apart, as with a tone just between them.
DAMPING = 0.03
# A third is compared, by these cells, where such a share of them holds something in both files.
LEAST_KNOWN = 0.25
# From the last third with so much of it the curve goes on to where there is nothing.
WELL_KNOWN = 0.5


def matching_curves(own: ToneSpectrum, wanted: ToneSpectrum, sample_rate_hz: float, limit_db: float) -> Floats:
    """The gain of each third in dB, `(rows, thirds)`: mid and side where both are stereo, else one row for all."""
    is_alike = own.powers.shape == wanted.powers.shape
    powers, targets = (own.powers, wanted.powers) if is_alike else (own.summed(), wanted.summed())
    fits = [_Fit(*pair, sample_rate_hz) for pair in _known_parts(powers, targets)]
    known = [fit for fit in fits if fit.is_known.any()]
    if not known or np.array_equal(powers, targets):
        return np.zeros((len(powers), THIRDS))
    for _ in range(ROUNDS):
        # The level is not the tone: it is brought to the same over all before anything is limited.
        level_db = float(np.median(np.concatenate([fit.missing_db()[fit.is_known] for fit in known])))
        for fit in known:
            fit.improve(level_db, limit_db)
    # A side without anything goes with the mid, and the other way round.
    curves = np.stack([(fit if fit.is_known.any() else known[0]).curve_db for fit in fits])
    gains = np.stack([cell_gains(response_of(curve, sample_rate_hz), sample_rate_hz) for curve in curves])
    return np.asarray(curves - own.loudness_change_db(gains))


def _known_parts(powers: Floats, targets: Floats) -> list[tuple[Floats, Floats]]:
    is_known = holds_something(powers) & holds_something(targets)
    return list(zip(powers * is_known, targets * is_known, strict=True))


class _Fit:
    """The curve of one row as it is being found."""

    def __init__(self, powers: Floats, targets: Floats, sample_rate_hz: float) -> None:
        self._powers = powers.reshape(THIRDS, CELLS_PER_THIRD)
        self._targets_db = _decibels(targets.reshape(THIRDS, CELLS_PER_THIRD).sum(axis=1))
        self._rate_hz = sample_rate_hz
        self._gains = np.ones_like(self._powers)
        shares = np.mean(self._powers > 0, axis=1)
        self.is_known: NDArray[np.bool_] = shares >= LEAST_KNOWN
        self._is_well_known = shares >= (WELL_KNOWN if (shares >= WELL_KNOWN).any() else LEAST_KNOWN)
        self.curve_db = np.zeros(THIRDS)

    def missing_db(self) -> Floats:
        """What each third lacks of its target."""
        return np.asarray(self._targets_db - _decibels((self._powers * self._gains).sum(axis=1)))

    def improve(self, level_db: float, limit_db: float) -> None:
        """One step of Gauss and Newton, damped."""
        slopes = self._slopes()[self.is_known]
        missing_db = self.missing_db()[self.is_known] - level_db
        step = slopes.T @ np.linalg.solve(slopes @ slopes.T + DAMPING * np.eye(len(slopes)), missing_db)
        places = np.arange(THIRDS)
        curve_db = np.clip(self.curve_db + step, -limit_db, limit_db)
        inside = places[self.is_known]
        self.curve_db = np.interp(places, inside, curve_db[self.is_known])
        # A third that ends inside itself says nothing of those beyond it.
        beyond = (places < inside[0]) | (places > inside[-1])
        self.curve_db[beyond] = np.interp(places, places[self._is_well_known], curve_db[self._is_well_known])[beyond]
        response = response_of(self.curve_db, self._rate_hz)
        self._gains = cell_gains(response, self._rate_hz).reshape(self._powers.shape)

    def _slopes(self) -> Floats:
        """By how many dB each third rises for one dB of the curve at the middle of each, `(thirds, thirds)`."""
        places = (np.arange(CELLS_PER_THIRD) + 0.5) / CELLS_PER_THIRD - 0.5
        shares = self._powers * self._gains
        shares = shares / (shares.sum(axis=1, keepdims=True) + 1e-30)
        below, above = shares @ np.maximum(-places, 0), shares @ np.maximum(places, 0)
        slopes = np.diag(1 - below - above) + np.diag(above[:-1], 1) + np.diag(below[1:], -1)
        slopes[0, 0] += below[0]
        slopes[-1, -1] += above[-1]
        return slopes


def _decibels(powers: Floats) -> Floats:
    return np.asarray(10 * np.log10(powers + 1e-30))
