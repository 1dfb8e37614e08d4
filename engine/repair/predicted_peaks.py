"""Clipped samples as linear prediction has them: Janssen, Veldhuis, Vries, "Adaptive interpolation of discrete-time
signals that can be modeled as autoregressive processes", IEEE Trans. ASSP 34, 1986.

It starts from values that are already good and bends them to the frame's own predictor. Where music is predictable, as
lossy coding and oversampling make it, that is far better than sparsity, and worse where much of a frame is missing. So
each frame says how sure it is: by the variance that its predictor leaves at the clipped samples, against how far they
rise above the ceiling. Of 36 pieces of music one gains 4.2 dB by it and one loses 1.0 dB; the mean is +0.3 dB.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, linalg

from rebounce.engine.audio import Audio
from rebounce.engine.repair.sparse_peaks import Clipped, Places

ORDER_SHARE = 1 / 8
# More unknown samples than this share of a frame and the predictor is mostly made of guesses; the work is their cube.
MOST_UNKNOWN_SHARE = 1 / 8
# How often the samples that fell below the ceiling are put back there and the others solved again.
ROUNDS = 3
# Variance counts this many times against the excess: on 21 pieces 1, 4 and 16 gave 11.4, 11.7 and 11.9 dB.
DOUBT = 16.0
RIDGE = 1e-7
LEAST_POWER = 1e-12

Floats = NDArray[np.float64]


def predicted_peaks(samples: Audio, clipped: Clipped, start: Audio, size: int) -> Audio:
    """`start`, the values of the clipped samples, led to where the predictors of frames of `size` have them.

    `samples` is one channel and holds a whole number of half frames.
    """
    filled = samples.astype(np.float64)
    filled[clipped.places] = start
    change = np.zeros(start.size)
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    hop = size // 2
    for first in range(0, samples.size - size + 1, hop):
        low, high = np.searchsorted(clipped.places, (first, first + size))
        if 0 < high - low <= MOST_UNKNOWN_SHARE * size:
            part = slice(low, high)
            within = clipped.places[part] - first
            step = _step(filled[first : first + size], within, _part(clipped, part), window)
            change[part] += window[within] * step
    return clipped.bounded((start + change).astype(np.float32))


def _part(clipped: Clipped, part: slice) -> Clipped:
    return Clipped(
        places=clipped.places[part], signs=clipped.signs[part], least=clipped.least[part], most=clipped.most[part]
    )


def _step(frame: Floats, places: Places, clipped: Clipped, window: Floats) -> Floats:
    """How far the clipped samples of one frame move, scaled by how sure that is."""
    excess = float(np.sum((clipped.signs * frame[places] - clipped.least) ** 2))
    precision, variance = _precision(frame, window)
    if excess == 0 or variance <= 0:
        return np.zeros(places.size)
    try:
        solved, doubt = _solved(frame, places, clipped, precision)
    except linalg.LinAlgError:  # a pure tone may leave nothing to predict with
        return np.zeros(places.size)
    return (solved - frame[places]) / (1 + DOUBT * variance * doubt / excess)


def _precision(frame: Floats, window: Floats) -> tuple[Floats, float]:
    """The inverse covariance by distance that the frame's predictor implies, times the variance of its error."""
    order = int(ORDER_SHARE * frame.size)
    whole = 2 * frame.size
    correlation = fft.irfft(np.abs(fft.rfft(frame * np.sqrt(window), whole)) ** 2)[: order + 1]
    correlation[0] += RIDGE * correlation[0] + LEAST_POWER
    predictor = np.r_[1, -linalg.solve_toeplitz(correlation[:-1], correlation[1:])]
    variance = float(correlation @ predictor) / float(window.sum())
    precision = fft.irfft(np.abs(fft.rfft(predictor, whole)) ** 2)[: frame.size]
    precision[order + 1 :] = 0
    return precision, variance


def _solved(frame: Floats, places: Places, clipped: Clipped, precision: Floats) -> tuple[Floats, float]:
    """The likeliest values, none below its ceiling, and the sum of their variances in units of the error's."""
    values = frame[places]
    doubt = 0.0
    free = np.arange(places.size)
    transfer = fft.rfft(np.r_[precision, 0, precision[:0:-1]])
    audio = frame.copy()
    for turn in range(ROUNDS):
        audio[places[free]] = 0
        pull = fft.irfft(fft.rfft(audio, 2 * frame.size) * transfer)[places[free]]
        factor = linalg.cho_factor(precision[np.abs(np.subtract.outer(places[free], places[free]))], lower=True)
        values[free] = -linalg.cho_solve(factor, pull)
        if turn == 0:
            doubt = float(np.sum(linalg.solve_triangular(factor[0], np.eye(free.size), lower=True) ** 2))
        is_low = clipped.signs[free] * values[free] < clipped.least[free]
        values[free[is_low]] = (clipped.signs * clipped.least)[free[is_low]]
        audio[places] = values
        free = free[~is_low]
        if not is_low.any() or free.size == 0:
            break
    return values, doubt
