"""The long-term spectrum of a file, mid and side apart, and what its loudness is made of.

Spectra are kept as powers of cells, sixteen to each third of an octave, whose edges are the nominal ones (25 Hz, 31.5
Hz and so on). What always holds: every sample counts alike, the result does not depend on how the audio was cut, and
what is kept of a file are its sums and, for the gates of loudness, one number for each third of an octave and each
third of a second.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.kept import Kept
from rebounce.engine.loudness import HOPS_PER_BLOCK, LoudnessMeter, gated_lufs, k_weighting
from rebounce.engine.overlap_add import Framing, Slabs, powers_of, size_near, spectra_of

Floats = NDArray[np.float64]

STEREO = 2
# The weights of loudness are the same at any rate.
ANY_RATE_HZ = 192_000.0
FRAME_SECONDS = 0.74
FRAMES_PER_SLAB = 8

THIRDS_PER_DECADE = 10
LOWEST_THIRD, HIGHEST_THIRD = -17, 13
THIRDS = HIGHEST_THIRD - LOWEST_THIRD + 1
CELLS_PER_THIRD = 16
CELLS = THIRDS * CELLS_PER_THIRD

# A cell with less than this against the whole, in dB per hertz, holds nothing but dither or what a filter let through.
EMPTY_DENSITY_DB = -110.0
# A side this far below the mid is what rounding left of it.
EMPTY_ROW_DB = -60.0


def third_centres_hz() -> Floats:
    """The middles of the thirds of an octave, from 20 Hz to 20 kHz."""
    return np.asarray(1_000 * 10 ** (np.arange(LOWEST_THIRD, HIGHEST_THIRD + 1) / THIRDS_PER_DECADE))


@lru_cache(maxsize=1)
def cell_edges_hz() -> Floats:
    """Where the cells begin, and where the last one ends."""
    places = LOWEST_THIRD - 0.5 + np.arange(CELLS + 1) / CELLS_PER_THIRD
    return np.asarray(1_000 * 10 ** (places / THIRDS_PER_DECADE))


def in_cells(bins: Floats, bin_hz: float) -> Floats:
    """What the bins of each row add up to in each cell: a cell takes its share of a bin that is wider than itself."""
    edges = (np.arange(bins.shape[1] + 1) - 0.5) * bin_hz
    sums = np.concatenate([np.zeros((len(bins), 1)), np.cumsum(bins, axis=1)], axis=1)
    return np.stack([np.diff(np.interp(cell_edges_hz(), edges, row)) for row in sums])


BOTH_SPEAKERS_LU = 10 * float(np.log10(2))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneSpectrum:
    """What was heard of one file: `powers` is `(2, cells)` for stereo, mid and side, and `(1, cells)` for all else.

    `moments` is `(frames, thirds)`: the power of each moment as loudness weighs it. `lufs` is that of two speakers: one
    channel comes from both, and so is 3 LU louder than it measures.
    """

    powers: Floats
    moments: NDArray[np.float32]
    lufs: float | None
    seconds: float

    @property
    def is_silent(self) -> bool:
        return not self.powers.any()

    def summed(self) -> Floats:
        """All of it in one row, `(1, cells)`."""
        return np.asarray(self.powers.sum(axis=0, keepdims=True))

    def loudness_change_db(self, gains: Floats) -> float:
        """How much louder the file gets where the power of each row and cell is multiplied by `gains`."""
        by_third = (-1, THIRDS, CELLS_PER_THIRD)
        middles_hz = np.sqrt(cell_edges_hz()[:-1] * cell_edges_hz()[1:])
        powers = (self.powers + 1e-30) * _loudness_weights(middles_hz, ANY_RATE_HZ)
        made = (powers * gains).reshape(by_third).sum(axis=(0, 2)) / powers.reshape(by_third).sum(axis=(0, 2))
        levels = [_gated(self.moments.sum(axis=1)), _gated(self.moments @ made.astype(np.float32))]
        return 0.0 if levels[0] is None or levels[1] is None else levels[1] - levels[0]


def holds_something(powers: Floats) -> NDArray[np.bool_]:
    """For each row and cell whether there is any music in it: enough in all rows together, and some in its own."""
    summed = powers.sum(axis=0)
    is_heard = summed / np.diff(cell_edges_hz()) > summed.sum() * 10 ** (EMPTY_DENSITY_DB / 10)
    return np.asarray(is_heard & (powers > summed * 10 ** (EMPTY_ROW_DB / 10)))


class ToneMeter:
    """Takes blocks `(channels, any)` and gives the long-term spectrum of all of them."""

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._rate_hz = sample_rate_hz
        self._framing = framing = Framing(size=size_near(FRAME_SECONDS * sample_rate_hz), overlap=2)
        self._bin_hz = framing.bin_hz(sample_rate_hz)
        self._scale = np.float32(framing.density_scale(sample_rate_hz) / self._bin_hz)
        bins_hz = np.arange(framing.bins, dtype=np.float64) * self._bin_hz
        self._ears = _loudness_weights(bins_hz, sample_rate_hz)
        self._starts = np.searchsorted(bins_hz, cell_edges_hz()[:-1:CELLS_PER_THIRD])
        self._powers = np.zeros((2 if channels == STEREO else 1, framing.bins))
        self._moments = Kept(np.float32, THIRDS)
        self._slabs = Slabs(FRAMES_PER_SLAB * framing.hop)
        # The first frame begins half a frame before the first sample, so that this counts as much as any.
        self._before = np.zeros((channels, framing.hop), dtype=np.float32)
        self._loudness = LoudnessMeter(sample_rate_hz, channels)
        self._frames = 0

    def see(self, block: Audio) -> None:
        """Take the next block."""
        self._frames += block.shape[1]
        self._loudness.add(block)
        for slab in self._slabs.push(block):
            self._add(slab)

    def spectrum(self) -> ToneSpectrum:
        """All of it; called once, at the end."""
        for rest in self._slabs.rest():
            self._add(np.pad(rest, ((0, 0), (0, -rest.shape[1] % self._framing.hop))))
        self._add(np.zeros_like(self._before))
        hops = max(self._frames, 1) / self._framing.hop
        powers = in_cells(self._powers / hops, self._bin_hz)
        # A cell that the rate cuts through is none.
        powers[:, cell_edges_hz()[1:] > self._rate_hz / 2] = 0
        return ToneSpectrum(
            powers=powers,
            moments=self._moments.rows(),
            lufs=self._lufs(),
            seconds=self._frames / self._rate_hz,
        )

    def _lufs(self) -> float | None:
        lufs = self._loudness.integrated_lufs()
        return lufs + BOTH_SPEAKERS_LU if lufs is not None and len(self._before) == 1 else lufs

    def _add(self, slab: Audio) -> None:
        """Some whole hops more."""
        audio = np.concatenate([self._before, slab], axis=1)
        self._before = slab[:, -self._framing.hop :].copy()
        powers = powers_of(spectra_of(_rows(audio), self._framing)) / self._scale
        rows = powers.sum(axis=1, dtype=np.float64)
        self._powers += rows if len(self._powers) == len(rows) else rows.sum(axis=0)
        self._moments.add(self._heard(powers.sum(axis=0)))

    def _heard(self, powers: Audio) -> NDArray[np.float32]:
        """`(frames, thirds)`; what a low rate has no third for is left at nothing."""
        has_some = self._starts < powers.shape[1]
        heard = np.zeros((powers.shape[0], THIRDS), dtype=np.float32)
        heard[:, has_some] = np.add.reduceat(powers * self._ears, self._starts[has_some], axis=1)
        return heard


def tone_of(blocks: Iterable[Audio], sample_rate_hz: float) -> ToneSpectrum | None:
    """The long-term spectrum of a whole file; None where there is not even a block."""
    meter: ToneMeter | None = None
    for block in blocks:
        meter = meter or ToneMeter(sample_rate_hz, block.shape[0])
        meter.see(block)
    return None if meter is None else meter.spectrum()


def _rows(audio: Audio) -> Audio:
    """Mid and side of a pair, in equal energy; any other number of channels as it is."""
    if audio.shape[0] != STEREO:
        return audio
    return np.stack([audio[0] + audio[1], audio[0] - audio[1]]) * np.float32(np.sqrt(0.5))


def _gated(moments: NDArray[np.float32]) -> float | None:
    """Loudness of moments that each last for a whole block of the gates."""
    return gated_lufs(np.repeat(moments.astype(np.float64), HOPS_PER_BLOCK))


def _loudness_weights(frequencies_hz: Floats, sample_rate_hz: float) -> NDArray[np.float32]:
    """How loudness weighs the power of each frequency."""
    delay = np.exp(-2j * np.pi * frequencies_hz / sample_rate_hz)
    weights = np.ones(delay.size)
    for b0, b1, b2, a0, a1, a2 in k_weighting(sample_rate_hz):
        weights *= np.abs((b0 + b1 * delay + b2 * delay**2) / (a0 + a1 * delay + a2 * delay**2)) ** 2
    return weights.astype(np.float32)
