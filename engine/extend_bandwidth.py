"""ExtendBandwidth: puts back the top that a coder or a resampler took away.

Where the file was cut off is measured (see `cutoff`); where nothing was, nothing is done. The part of the spectrum just
below the cut-off is moved up, with its phases, so that it keeps the time structure of every moment; some of it is made
into noise; and it is turned down to where the slope of the music below the cut-off would have led. Only the difference
is made: below the cut-off the samples keep their spectrum, and where the music is silent they leave bit-identical.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.cutoff import LEAST_MISSING_HZ, Cutoff, find_cutoff, highest_fill_hz
from rebounce.engine.overlap_add import Framing, Spectra, audio_of, powers_of, size_near, spectra_of
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Kernel, Timing

FRAME_SECONDS = 0.0232
HOPS_PER_BLOCK = 64
# The source reaches this far down from the cut-off, or as far as is missing above it if that is less.
LOWEST_SOURCE_SHARE = 0.5
# Music falls the faster the higher it gets: this much in the first octave above the cut-off, beside the slope.
BEND_DB = 10.0
# What would be softer than this in a frame is not made: nobody hears it, and silence and dither stay as they are.
QUIETEST_FILL_DBFS = -110.0

NOISE_TABLE = 16_384
NOISE_SEED = 20_317
# Steps through the table from frame to frame: odd, so that every place is visited before one comes again.
NOISE_STEP = 6_007


class ExtendBandwidth(Plugin):
    """Fills the band above the file's own cut-off, to 20 kHz at most; `(channels, frames)` in and out.

    `strength` scales the level of what is added, and `noise` is the share of its power that is noise rather than
    harmonics. Not for music that is dull by choice: without a cut-off it changes nothing.
    """

    needs_analysis = True
    analysis_type = Cutoff

    strength = Number(0.0, 1.0)
    noise = Number(0.0, 1.0)

    def __init__(self, *, strength: float = 1.0, noise: float = 0.3) -> None:
        super().__init__(strength=strength, noise=noise)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Cutoff:
        return find_cutoff(blocks, sample_rate_hz)

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if self.analysis.cutoff_hz is None:
            return ["nothing is missing at the top: left alone"]
        return [f"cut off at {self.analysis.cutoff_hz / 1000:.1f} kHz: the band above was filled"]

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and not _is_missing_some(self.analysis, sample_rate_hz):
            return Timing(takes_many=True)
        framing = fill_framing(sample_rate_hz)
        context = framing.margin
        return Timing(block_frames=HOPS_PER_BLOCK * framing.hop, before_frames=context, after_frames=context)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if not _is_missing_some(self.analysis, sample_rate_hz):
            return lambda block: block
        return _Fill(self, sample_rate_hz)


def fill_framing(sample_rate_hz: float) -> Framing:
    """Frames of about 23 ms."""
    return Framing(size=size_near(FRAME_SECONDS * sample_rate_hz), overlap=4)


class _Fill:
    """The kernel of one run: it knows by the number of its calls which frames it sees."""

    def __init__(self, plugin: ExtendBandwidth, sample_rate_hz: float) -> None:
        self._framing = framing = fill_framing(sample_rate_hz)
        bin_hz = framing.bin_hz(sample_rate_hz)
        cutoff_bin = int(np.ceil(plugin.analysis.cutoff_hz / bin_hz))
        targets = np.arange(cutoff_bin, int(highest_fill_hz(sample_rate_hz) / bin_hz) + 1)
        self._targets = slice(targets[0], targets[-1] + 1)
        self._sources = _sources(targets, framing.overlap)
        self._gains = (plugin.strength * _gains(plugin.analysis, targets, self._sources, bin_hz)).astype(np.float32)
        self._harmonics = np.float32(np.sqrt(1 - plugin.noise))
        # Frames that share no phase add up in power only, which makes them softer by the overlap.
        self._noise = np.float32(np.sqrt(plugin.noise * framing.overlap)) * _noise_table(targets.size)
        self._silence = 10 ** (QUIETEST_FILL_DBFS / 10) * framing.density_scale(sample_rate_hz) / bin_hz
        self._frame = 0

    def __call__(self, window: Audio) -> Audio:
        margin = self._framing.margin
        block = window[:, margin : window.shape[1] - margin]
        spectra = spectra_of(window, self._framing)
        change = np.zeros_like(spectra)
        change[..., self._targets] = self._made_from(spectra)
        self._frame += HOPS_PER_BLOCK
        if not change.any():
            return block
        return block + audio_of(change, self._framing)

    def _made_from(self, spectra: Spectra) -> Spectra:
        """What is put above the cut-off: `(channels, frames, bins above)`."""
        made = spectra[..., self._sources] * self._gains
        silent = powers_of(made).sum(axis=(0, 2)) <= self._silence
        made *= self._harmonics + self._turns(spectra.shape[1], made.shape[2])
        made[:, silent] = 0
        return made

    def _turns(self, frames: int, bins: int) -> Spectra:
        """A random turn for every bin, the same for a frame wherever its block begins, and for all channels."""
        numbers = self._frame + np.arange(frames)
        rows = np.lib.stride_tricks.sliding_window_view(self._noise, bins)
        turns: Spectra = rows[numbers * NOISE_STEP % NOISE_TABLE]
        return turns


def _is_missing_some(cutoff: Cutoff, sample_rate_hz: float) -> bool:
    """Whether a file of this rate, which may be another than was analysed, has a band to fill."""
    return cutoff.cutoff_hz is not None and cutoff.cutoff_hz < highest_fill_hz(sample_rate_hz) - LEAST_MISSING_HZ


def _sources(targets: NDArray[np.intp], step: int) -> NDArray[np.intp]:
    """From which bin each is made: bands below the first target, moved up as often as it takes.

    A shift by a multiple of `step` bins turns the phase by whole turns from one hop to the next, so that what was in
    phase stays in phase.
    """
    first = int(targets[0])
    width = min(targets.size + step, int(LOWEST_SOURCE_SHARE * first)) // step * step
    return targets - width * ((targets - first) // width + 1)


def _gains(cutoff: Cutoff, targets: NDArray[np.intp], sources: NDArray[np.intp], bin_hz: float) -> NDArray[np.float64]:
    """How much softer than its source each bin is: by the slope, and by what is still there at the edge."""
    assert cutoff.slope_db_per_octave is not None
    assert cutoff.cutoff_hz is not None
    assert cutoff.transition_hz is not None
    slope_db = cutoff.slope_db_per_octave * np.log2(targets / sources)
    slope_db -= BEND_DB * np.log2(targets * bin_hz / cutoff.cutoff_hz) ** 2
    missing = np.clip((targets * bin_hz - cutoff.cutoff_hz) / cutoff.transition_hz, 0, 1)
    return np.asarray(10 ** (slope_db / 20) * missing)


def _noise_table(more: int) -> Spectra:
    """Numbers of magnitude 1 and random phase, the first few once more at the end."""
    phases = np.random.Generator(np.random.PCG64(NOISE_SEED)).random(NOISE_TABLE)
    table = np.exp(2j * np.pi * phases).astype(np.complex64)
    return np.concatenate([table, table[:more]])
