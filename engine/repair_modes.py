"""The ways to use two decodes of one window, that of its own tokens and that of the restored ones, to repair it.

Pure functions on audio `(channels, frames)` at the codec's rate, all of one shape: `x` is the input itself,
`decoded_input` what the codec makes of it, `decoded_restored` what it makes of the restored tokens. Always true here:
where the two decodes are equal, sample for sample, over a short-time spectrum's reach, the repair is exactly zero.

The codec's own error is in both decodes and cancels in their difference. What does not cancel is held back by a weight
for each cell of a short-time spectrum, from what is known without the clean file; see docs/tokens.md.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Framing, Powers, Spectra, audio_of, powers_of, spectra_of

Cells = TypeVar("Cells", Spectra, Powers)

FRAMING = Framing(size=1024, overlap=4)
# Cells on each side that are averaged with one: 5 x 5 in all, 43 ms by 234 Hz at 48 kHz.
SMOOTHING_CELLS = 2
REACH_FRAMES = FRAMING.margin + (SMOOTHING_CELLS + 1) * FRAMING.hop
"""A repaired frame depends on no other that is further away."""

# How much of the codec's error counts against a change.
KNOWN_ERROR_PART = 1.0
MOST_GAIN_DB = 12.0
# Powers below this, where the window's level is near 1, are nobody's: it keeps 0 / 0 out, and is no audible level.
LEAST_POWER = 1e-12


def residual(x: Audio, decoded_input: Audio, decoded_restored: Audio, weight: str) -> Audio:
    """What to add to `x`: the difference of the decodes, weighted by one of `WEIGHTS`."""
    difference = decoded_restored - decoded_input
    weigh = WEIGHTS[weight]
    if weigh is None or not difference.any():
        return difference
    cells = _spectra(difference)
    cells *= weigh(x, decoded_input, decoded_restored)
    return _audio(cells, x.shape[1])


def transfer_change(x: Audio, decoded_input: Audio, decoded_restored: Audio) -> Audio:
    """What to add to `x` so that each cell of its spectrum has the gain from one decode to the other."""
    cells = _spectra(x)
    cells *= transfer_gain(decoded_input, decoded_restored) - np.float32(1)
    return _audio(cells, x.shape[1])


def transfer_gain(decoded_input: Audio, decoded_restored: Audio) -> Powers:
    """The gain of each cell `(channels, spectra, bins)`, within `MOST_GAIN_DB`; exactly 1 where the decodes agree."""
    before, after = (_smoothed(powers_of(_spectra(audio))) for audio in (decoded_input, decoded_restored))
    before += np.float32(LEAST_POWER)
    after += np.float32(LEAST_POWER)
    bound = np.float32(10 ** (MOST_GAIN_DB / 20))
    gain: Powers = np.clip(np.sqrt(after / before), 1 / bound, bound)
    return gain


def coherence_weight(x: Audio, decoded_input: Audio) -> Powers:
    """How far each cell `(channels, spectra, bins)` of `x` survived the codec: 0 not at all, 1 but for a constant."""
    own, coded = _spectra(x), _spectra(decoded_input)
    common = powers_of(_smoothed(own * coded.conj()))
    powers = _smoothed(powers_of(own)) * _smoothed(powers_of(coded))
    weight: Powers = np.minimum(common / (powers + np.float32(LEAST_POWER**2)), 1)
    return weight


def known_error_weight(x: Audio, decoded_input: Audio, decoded_restored: Audio) -> Powers:
    """How far the change of each cell `(channels, spectra, bins)` stands out from the codec's error there, 0 to 1."""
    error = _smoothed(powers_of(_spectra(x - decoded_input)))
    change = _smoothed(powers_of(_spectra(decoded_restored - decoded_input)))
    weight: Powers = np.clip(1 - np.float32(KNOWN_ERROR_PART) * error / (change + np.float32(LEAST_POWER)), 0, 1)
    return weight


Weigh = Callable[[Audio, Audio, Audio], Powers]
WEIGHTS: dict[str, Weigh | None] = {
    "coherence": lambda x, decoded_input, decoded_restored: coherence_weight(x, decoded_input),
    "known-error": known_error_weight,
    "none": None,
}


def _spectra(audio: Audio) -> Spectra:
    """The cells of the whole of `audio`, with silence around it."""
    whole_hops = -audio.shape[1] % FRAMING.hop
    return spectra_of(np.pad(audio, ((0, 0), (FRAMING.margin, FRAMING.margin + whole_hops))), FRAMING)


def _audio(cells: Spectra, frames: int) -> Audio:
    return audio_of(cells, FRAMING)[:, :frames]


def _smoothed(cells: Cells) -> Cells:
    """The sum of each cell and its neighbours, fewer at the edges; no other cell counts, not even by rounding."""
    over_bins = cells.copy()
    for step in range(1, SMOOTHING_CELLS + 1):
        over_bins[..., step:] += cells[..., :-step]
        over_bins[..., :-step] += cells[..., step:]
    total = over_bins.copy()
    for step in range(1, SMOOTHING_CELLS + 1):
        total[:, step:] += over_bins[:, :-step]
        total[:, :-step] += over_bins[:, step:]
    return total
