"""The numbers of a plate whose delay is known, fitted to the ripple of the spectrum.

By Levenberg and Marquardt, with what lies far off counted by its distance and not by its square, from the best of some
places; the width by least squares, from how the side of the mix goes along with its middle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from rebounce.engine.repair.plate import Floats, PlateResponse, Response, later, middle_of
from rebounce.engine.repair.plate_meter import PlateSpectrum, near_mean

# Ripples wider than this are the music's colour.
SMOOTHED_HZ = 60.0
# In standard deviations: where a partial or a hole of the music is as far off as it counts.
FURTHEST = 3.0
SOFTEST_POWER = np.float32(1e-6)

LEVELS, ROOM_SIZES, DAMPINGS = (0.006, 0.014, 0.03), (0.05, 0.3, 0.55, 0.8), (0.2, 0.5, 0.8)
STARTS = 2
# By how much the numbers are changed to see what that does: the level by a share.
STEPS = (1e-3, 2e-3, 2e-3)
MOST_ROUNDS, MOST_TRIES = 12, 4
ENOUGH_SHARE = 1e-6
# Residuals beyond two standard deviations, by their median, count by their distance.
NEAR = 2 * 1.48
FURTHEST_LEVEL_STEP = 3.0

# Parts of the spectrum that each tell how loud the plate is in them.
PARTS_HZ = (200.0, 600.0, 1500.0, 4000.0, 10_000.0)

# How deep a notch is filled, as power, when it is asked what the middle was.
LEAST_POWER = np.float32(1e-2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The numbers, and the share of the ripple that they leave."""

    level: float
    room_size: float
    damping: float
    left: float


def ripple_of(spectrum: PlateSpectrum) -> Floats:
    """The levels of the spectrum without the colour, at most some spreads from zero: `(bins,)`."""
    reach = _reach(spectrum)
    ripple = spectrum.levels - near_mean(spectrum.levels, reach)
    most = FURTHEST * ripple.std()
    ripple = np.clip(ripple, -most, most)
    return ripple - near_mean(ripple, reach)


def _reach(spectrum: PlateSpectrum) -> int:
    return int(SMOOTHED_HZ * spectrum.size / spectrum.sample_rate_hz) // 2


class PlateFit:
    """The fit to one ripple."""

    def __init__(self, spectrum: PlateSpectrum, ripple: Floats, late_frames: int) -> None:
        self._spectrum, self._ripple = spectrum, ripple
        self._response = PlateResponse(spectrum.turns, spectrum.sample_rate_hz)
        self._later = later(spectrum.turns, late_frames)

    def best(self) -> Fitted:
        """The best fit from the most likely starts."""
        places = [np.array(place) for place in product(LEVELS, ROOM_SIZES, DAMPINGS)]
        places.sort(key=lambda place: float(np.abs(self._off(place)).mean()))
        return min((self._from(place) for place in places[:STARTS]), key=lambda fitted: fitted.left)

    def width(self, fitted: Fitted) -> float:
        """From 0 to 1: by how much what the side of the plate would be is in the side of the mix."""
        spectrum = self._spectrum
        left, right = self._response.sides(fitted.room_size, fitted.damping)
        level = np.float32(fitted.level) * self._later
        through = 1 + level * middle_of(left, right, spectrum.channels)
        side = level * (left - right) * np.conj(through) / (np.square(np.abs(through)) + LEAST_POWER)
        power = float(np.sum(np.square(np.abs(side)) * spectrum.powers))
        if not power > 0:
            return 0.0
        return min(max(float(np.sum((spectrum.products * np.conj(side)).real)) / power, 0.0), 1.0)

    def unevenness(self, fitted: Fitted) -> float:
        """By how much parts of the spectrum differ in how loud they say that the plate is, as a share of that.

        A plate that the whole mix went through is as loud everywhere; where only some voices did, as on a mixing desk,
        it is louder where these are.
        """
        place = np.array([fitted.level, fitted.room_size, fitted.damping])
        off = self._off(place)
        slope = next(self._slopes(place, off)) * fitted.level
        near = NEAR * float(np.median(np.abs(off)))
        wanted, known = np.clip(off, -near, near) * slope, np.where(np.abs(off) < near, slope * slope, 0)
        rate_hz = self._spectrum.sample_rate_hz
        edges = np.round(np.array(PARTS_HZ) * self._spectrum.size / rate_hz).astype(int) - self._spectrum.first
        parts = [slice(max(low, 0), high) for low, high in pairwise(edges) if low < off.size]
        levels = [float(wanted[part].sum() / max(known[part].sum(), 1e-12)) for part in parts]
        return max(levels) - min(levels)

    def _from(self, place: Floats) -> Fitted:
        off = self._off(place)
        near = max(NEAR * float(np.median(np.abs(off))), 1e-9)
        cost, pull = _cost(off, near), 1e-3
        for _ in range(MOST_ROUNDS):
            slopes = np.stack(list(self._slopes(place, off)))
            curvature, down = slopes @ slopes.T, slopes @ np.clip(off, -near, near)
            for _ in range(MOST_TRIES):
                tried = _within(place, place + np.linalg.solve(curvature + pull * np.diag(np.diag(curvature)), down))
                tried_off = self._off(tried)
                tried_cost = _cost(tried_off, near)
                if tried_cost < cost:
                    break
                pull *= 10
            else:
                break
            is_enough = cost - tried_cost < ENOUGH_SHARE * cost
            place, off, cost, pull = tried, tried_off, tried_cost, max(pull / 10, 1e-6)
            if is_enough:
                break
        level, room_size, damping = (float(number) for number in place)
        return Fitted(level=level, room_size=room_size, damping=damping, left=cost / _cost(self._ripple, near))

    def _slopes(self, place: Floats, off: Floats) -> Iterator[Floats]:
        """What a small change of each number does to the ripple."""
        for number, share in enumerate(STEPS):
            step = share * place[0] if number == 0 else (share if place[number] + share <= 1 else -share)
            changed = place.copy()
            changed[number] += step
            yield (off - self._off(changed)) / step

    def _off(self, place: Floats) -> Floats:
        """The ripple less that of a plate."""
        through = self._through(place)
        level = np.log(np.square(through.real) + np.square(through.imag) + SOFTEST_POWER)
        return self._ripple - (level - near_mean(level, _reach(self._spectrum)))

    def _through(self, place: Floats) -> Response:
        sides = self._response.sides(float(place[1]), float(place[2]))
        return 1 + np.float32(place[0]) * self._later * middle_of(*sides, self._spectrum.channels)


def _within(place: Floats, wanted: Floats) -> Floats:
    level = np.clip(wanted[:1], place[:1] / FURTHEST_LEVEL_STEP, place[:1] * FURTHEST_LEVEL_STEP)
    return np.concatenate([level, np.clip(wanted[1:], 0, 1)])


def _cost(off: Floats, near: float) -> float:
    away = np.abs(off)
    return float(np.mean(np.where(away < near, away * away / 2, near * away - near * near / 2)))
