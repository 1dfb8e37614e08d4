"""Denoise: a spectral gate that turns down what does not stand out from the noise floor of the file.

The floor is measured where the music pauses (see `noise_profile`); without such pauses nothing is done. Each cell of
the short-time spectrum whose surroundings rise less than `threshold_db` above the floor is turned down, by no more than
`strength` x `max_reduction_db`, so that what is left is the same noise, only softer, and never warbles. One mask serves
all channels, so the image stays where it is. Samples under an open gate leave bit-identical.
"""

from collections.abc import Iterable

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.band_levels import analysis_framing
from rebounce.engine.noise_profile import NoiseProfile, find_noise
from rebounce.engine.overlap_add import Powers, Spectra, audio_of, powers_of, spectra_of
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Kernel, Timing

HOPS_PER_BLOCK = 64
# Each pass of smoothing over three cells reaches one hop further to both sides.
SMOOTHING_PASSES = 2
# From fully down to untouched over this rise. Smoothed noise stays 4 dB under the default threshold 999 times in 1000.
RAMP_DB = 4.0
# Keeps the logarithm of silence finite.
LEAST_POWER = 1e-30


class Denoise(Plugin):
    """Turns down a steady noise floor; `(channels, frames)` in and out.

    `strength` scales the reduction in dB, `max_reduction_db` is the reduction at full strength, and `threshold_db` is
    how far a sound must rise above the noise to pass untouched: higher is cleaner, lower is safer for quiet detail.
    Not for noise that comes and goes, nor for hum, clicks or rumble.
    """

    needs_analysis = True
    analysis_type = NoiseProfile

    strength = Number(0.0, 1.0)
    threshold_db = Number(0.0, 30.0)
    max_reduction_db = Number(0.0, 40.0)

    def __init__(self, *, strength: float = 0.8, threshold_db: float = 8.0, max_reduction_db: float = 20.0) -> None:
        super().__init__(strength=strength, threshold_db=threshold_db, max_reduction_db=max_reduction_db)

    def is_identity(self) -> bool:
        return self.strength * self.max_reduction_db == 0

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> NoiseProfile:
        return find_noise(blocks, sample_rate_hz)

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if not self.analysis.is_noisy:
            return [f"{self.analysis.finding}: left alone"]
        return [f"{self.analysis.finding}, reduced by up to {self.strength * self.max_reduction_db:.0f} dB"]

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and not self.analysis.is_noisy:
            return Timing(takes_many=True)
        framing = analysis_framing(sample_rate_hz)
        context = framing.margin + SMOOTHING_PASSES * framing.hop
        return Timing(block_frames=HOPS_PER_BLOCK * framing.hop, before_frames=context, after_frames=context)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if not self.analysis.is_noisy:
            return lambda block: block
        return _Gate(self, sample_rate_hz)


class _Gate:
    """The kernel of one run."""

    def __init__(self, plugin: Denoise, sample_rate_hz: float) -> None:
        self._framing = analysis_framing(sample_rate_hz)
        self._reduction = np.float32(plugin.strength * plugin.max_reduction_db / 20 * np.log(10))
        frequencies_hz = np.arange(self._framing.bins) * self._framing.bin_hz(sample_rate_hz)
        densities = plugin.analysis.densities_at(frequencies_hz) * self._framing.density_scale(sample_rate_hz)
        self._open_at = (np.log10(densities) + plugin.threshold_db / 10).astype(np.float32)
        self._edge = SMOOTHING_PASSES * self._framing.hop + self._framing.margin

    def __call__(self, window: Audio) -> Audio:
        block = window[:, self._edge : window.shape[1] - self._edge]
        spectra = spectra_of(window, self._framing)
        closed = self._closed(spectra)
        if not closed.any():
            return block
        inner = spectra[:, SMOOTHING_PASSES:-SMOOTHING_PASSES]
        inner *= np.expm1(-self._reduction * closed)
        return block + audio_of(inner, self._framing)

    def _closed(self, spectra: Spectra) -> Powers:
        """How far the gate is closed at each inner frame and bin: 0 lets through, 1 turns down fully."""
        power = powers_of(spectra).mean(axis=0)
        for _ in range(SMOOTHING_PASSES):
            power = _smooth_bins(power[:-2] + power[1:-1] + power[2:])
        power += np.float32(LEAST_POWER)
        np.log10(power, out=power)
        closed: Powers = np.clip((self._open_at - power) * np.float32(10 / RAMP_DB), 0, 1)
        return closed


def _smooth_bins(power: Powers) -> Powers:
    """The mean over three bins of what was added up over three frames."""
    total = power.copy()
    total[:, 1:] += power[:, :-1]
    total[:, :-1] += power[:, 1:]
    total[:, [0, -1]] += power[:, [0, -1]]
    total /= 9
    return total
