"""Filters without a phase of their own: any smooth curve in decibels, exact in time, for a streaming kernel."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import size_near
from rebounce.engine.repair.tone_spectrum import Floats, cell_edges_hz, third_centres_hz
from rebounce.engine.stream import Timing

FILTER_SECONDS = 0.37
# The transform is this much longer than the filter: three quarters of it come out each time.
TRANSFORM_RATIO = 4


def filter_order(sample_rate_hz: float) -> int:
    """The taps of a filter but one: half of them before the middle, half after it."""
    return size_near(FILTER_SECONDS * sample_rate_hz)


def filter_timing(sample_rate_hz: float) -> Timing:
    """How the audio must be cut for `LinearPhase`."""
    order = filter_order(sample_rate_hz)
    return Timing(block_frames=(TRANSFORM_RATIO - 1) * order, before_frames=order // 2, after_frames=order // 2)


def response_of(curve_db: Floats, sample_rate_hz: float) -> Floats:
    """The gain of the filter at each bin of its transform, for a curve over thirds of an octave.

    The curve is straight between their middles, and goes on flat at both ends.
    """
    order = filter_order(sample_rate_hz)
    size = TRANSFORM_RATIO * order
    frequencies_hz = np.arange(size // 2 + 1) * (sample_rate_hz / size)
    octaves = np.log2(np.maximum(frequencies_hz, 1.0))
    wanted = 10 ** (np.interp(octaves, np.log2(third_centres_hz()), curve_db) / 20)
    taps = fft.irfft(wanted, n=size)
    return np.asarray(fft.rfft(taps * _window(order)).real)


def cell_gains(response: Floats, sample_rate_hz: float) -> Floats:
    """By how much a filter multiplies the power of each cell of a spectrum."""
    bin_hz = sample_rate_hz / (2 * (response.size - 1))
    middles = np.sqrt(cell_edges_hz()[:-1] * cell_edges_hz()[1:])
    return np.asarray(np.interp(middles, np.arange(response.size) * bin_hz, response**2))


@lru_cache(maxsize=8)
def _window(order: int) -> Floats:
    """Tapers the taps around the first place of the transform, where their middle is."""
    taper = np.zeros(TRANSFORM_RATIO * order)
    fall = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(order // 2) / order)
    taper[: order // 2] = fall
    taper[-order // 2 + 1 :] = fall[:0:-1]
    return taper


class LinearPhase:
    """The kernel of one run: one response for each row, `(rows, bins)`; two rows are for mid and side of a pair."""

    def __init__(self, responses: Floats, sample_rate_hz: float) -> None:
        self._responses: NDArray[np.float32] = responses.astype(np.float32)
        self._edge = filter_order(sample_rate_hz) // 2

    def __call__(self, window: Audio) -> Audio:
        spectra = fft.rfft(window, axis=1)
        if len(self._responses) == 1:
            spectra *= self._responses
        else:
            mean, difference = self._responses.sum(axis=0) / 2, (self._responses[0] - self._responses[1]) / 2
            spectra = spectra * mean + spectra[::-1] * difference
        made: Audio = fft.irfft(spectra, n=window.shape[1], axis=1)
        return made[:, self._edge : window.shape[1] - self._edge]
