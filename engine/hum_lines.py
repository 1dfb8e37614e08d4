"""What one multiple of the mains shows through a whole file: how far it stands out, how steady it is, and what is near.

What always holds: nothing is decided here but about one line at a time; `mains_hum` decides on all of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.hum_looks import LEAST_AMPLITUDE, Complexes, Floats, Grid, Stretch

FITS = 8
WORTH_A_FIT = 4.0
# The power of a line over all its looks is so many times what noise would show.
LEAST_STANDING = 15.0
# What stands beside a line is drums on a grid of time, which have lines at all its multiples.
BESIDE_HZ = (0.5, 5.5, 0.06)
# Notes of a sequencer have lines too, further apart, on both sides of each and as steady: of all power at a place on
# such a grid at least 45 % was one sine in chip music, and elsewhere on both sides of a hum 41 % at most.
BOTH_SIDES_HZ = (5.5, 25.5, 0.06)
LEAST_COHERENCE = 0.43
LEAST_PROMINENCE = 3.0
# Beside lines that are proven, these are enough.
SIDE_STANDING = 8.0
SIDE_PROMINENCE = 2.0
# A look agrees with a line where what is left is no more than this times the music around, or this share of the line.
AGREES_WITHIN = 2.5
AGREES_SHARE = 0.4
LEAST_AGREEMENT = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One multiple held against all stretches: its amplitudes, `(stretches, channels)`, and how far off they may be.

    `standing` is how far it stands out from noise, `beside` how far what is next to it does, and `on_grid` what is
    further off on both sides, all as powers; `agreement` is the share of all looks that it explains, and `coherence`
    that of their power.
    """

    multiple: int
    amplitudes: Complexes
    errors: Floats
    standing: float
    beside: float
    on_grid: float
    agreement: float
    coherence: float

    def stands_out(self) -> bool:
        return self.agreement >= LEAST_AGREEMENT and self.standing >= LEAST_STANDING

    def is_hum(self) -> bool:
        is_alone = self.standing >= LEAST_PROMINENCE * max(self.beside, self.on_grid)
        return self.stands_out() and is_alone and self.coherence >= LEAST_COHERENCE

    def may_be_hum(self) -> bool:
        """What is enough beside lines that are proven."""
        is_steady = self.agreement >= LEAST_AGREEMENT
        company = max(self.beside, self.on_grid)
        return is_steady and self.standing >= max(SIDE_STANDING, SIDE_PROMINENCE * company)


def likeliest(
    places_hz: Floats, mains_hz: float, multiples: tuple[int, ...], stretches: list[Stretch], grid: Grid
) -> float:
    """Where between the places the multiples stand out most from the music around them."""
    evidence = np.zeros(places_hz.size)
    for multiple in multiples:
        evidence += np.log1p(_standing(multiple * places_hz, mains_hz, multiple, stretches, grid))
    return float(places_hz[np.argmax(evidence)])


def _standing(frequencies_hz: Floats, mains_hz: float, multiple: int, stretches: list[Stretch], grid: Grid) -> Floats:
    """How far a line at each frequency near a multiple stands out from noise, which would give 1."""
    standing = np.zeros(frequencies_hz.size)
    for stretch in stretches:
        weights = stretch.music(mains_hz, multiple) ** -2.0
        sums = np.tensordot(stretch.line(frequencies_hz, grid), weights, axes=(1, 0))
        standing += np.square(np.abs(sums)).mean(axis=1) / weights.sum()
    return standing / len(stretches)


def lines_of(
    at_hz: float, mains_hz: float, multiples: tuple[int, ...], stretches: list[Stretch], grid: Grid
) -> list[Line]:
    """The multiples of one frequency that are worth a look."""
    return [
        _line(multiple, at_hz, mains_hz, stretches, grid)
        for multiple in multiples
        if _standing(np.asarray([multiple * at_hz]), mains_hz, multiple, stretches, grid)[0] > WORTH_A_FIT
    ]


def _line(multiple: int, at_hz: float, mains_hz: float, stretches: list[Stretch], grid: Grid) -> Line:
    frequency_hz = np.asarray([multiple * at_hz])
    fits = [_fitted(stretch.line(frequency_hz, grid)[0], stretch.music(mains_hz, multiple)) for stretch in stretches]
    amplitudes, errors, standings, agreements = zip(*fits, strict=True)
    standing = float(np.mean(standings))
    is_worth_more = standing > SIDE_STANDING
    return Line(
        multiple=multiple,
        amplitudes=np.asarray(amplitudes),
        errors=np.asarray(errors),
        standing=standing,
        beside=_beside(multiple, at_hz, mains_hz, stretches, grid) if is_worth_more else standing,
        on_grid=_on_grid(multiple, at_hz, mains_hz, stretches, grid) if is_worth_more else 0.0,
        agreement=float(np.concatenate(agreements).mean()),
        coherence=float(_coherence(frequency_hz, stretches, grid)[0]),
    )


def _beside(multiple: int, at_hz: float, mains_hz: float, stretches: list[Stretch], grid: Grid) -> float:
    """How far the most outstanding frequency next to a multiple stands out."""
    steps_hz = np.arange(*BESIDE_HZ)
    places_hz = multiple * at_hz + np.r_[-steps_hz, steps_hz]
    return float(_standing(places_hz, mains_hz, multiple, stretches, grid).max())


def _on_grid(multiple: int, at_hz: float, mains_hz: float, stretches: list[Stretch], grid: Grid) -> float:
    """How far two steady lines stand out that lie equally far off on both sides: the weaker of the strongest two."""
    steps_hz = np.arange(*BOTH_SIDES_HZ)
    sides_hz = (multiple * at_hz - steps_hz, multiple * at_hz + steps_hz)
    standing = np.minimum(*(_standing(hz, mains_hz, multiple, stretches, grid) for hz in sides_hz))
    coherence = np.minimum(*(_coherence(hz, stretches, grid) for hz in sides_hz))
    return float(standing[coherence >= LEAST_COHERENCE].max(initial=0.0))


def _coherence(frequencies_hz: Floats, stretches: list[Stretch], grid: Grid) -> Floats:
    """What share of the power at each frequency is one sine that goes on through every stretch: 1 for a steady line."""
    steady, whole = np.zeros(frequencies_hz.size), np.full(frequencies_hz.size, LEAST_AMPLITUDE**2)
    for stretch in stretches:
        shown = stretch.line(frequencies_hz, grid)
        steady += np.square(np.abs(shown.sum(axis=1))).sum(axis=1) / shown.shape[1]
        whole += np.square(np.abs(shown)).sum(axis=(1, 2))
    return np.asarray(steady / whole)


def _fitted(seen: Complexes, around: Floats) -> tuple[Complexes, float, float, NDArray[np.bool_]]:
    """The amplitude that most looks agree on, a value a channel; how far off, how outstanding, and who agrees."""
    noise = np.square(around)
    rest = np.zeros_like(noise)
    for _ in range(FITS):
        weights = 1 / (noise + rest)
        amplitude = weights @ seen / weights.sum()
        rest = np.square(np.abs(seen - amplitude)).mean(axis=1)
    power = np.square(np.abs(amplitude)).mean()
    agrees = np.sqrt(rest) < np.maximum(AGREES_WITHIN * around, AGREES_SHARE * np.sqrt(power))
    return amplitude, float(1 / np.sqrt(weights.sum())), float(power * weights.sum()), agrees
