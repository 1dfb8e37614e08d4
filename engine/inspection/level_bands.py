"""How loud a file is, band by band, over its whole length: what jumps of the level are looked for in.

32 bands from 50 Hz to 14 kHz, about 22 times a second, in whole hundredths of a decibel: 5 MB for an hour. Channels are
added up with unequal weights, so that those of opposite polarity do not vanish. What always holds: 0 dB is the mean
power of the file itself, and the floor lies 80 dB below that, so a gain on the whole file changes nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.engine.kept import Kept
from rebounce.engine.overlap_add import Slabs, size_near

Levels = NDArray[np.floating[Any]] | NDArray[np.int16]
"""`(frames, bands)` over the mean power of the file, in dB or, as they are kept, in whole hundredths of one."""

BANDS = 32
EDGES_HZ = np.geomspace(50, 14_000, BANDS + 1)
FRAME_SECONDS = 2_048 / 44_100
CHANNEL_WEIGHT = 0.7
# Of the mean power of the file: below what is heard beside the rest, and above the noise of 16 bits in files that are
# no more than 30 dB softer than usual.
FLOOR_POWER = np.float32(1e-8)
# A frame that nowhere rises above this is silent: as softly as that, nothing is played that goes with the rest.
SILENT_DB = 10 * float(np.log10(FLOOR_POWER)) + 3
# Audio beyond these is turned down or up to them, so that its power is still a number.
LEAST_POWER, MOST_POWER = np.float32(1e-32), np.float32(1e20)
# A file with less than this, 200 dB below full scale, is silent all over.
LEAST_MEAN = 1e-20
FRAMES_PER_SLAB = 64
FRAMES_AT_ONCE = 4096
PER_DB = 100


class LevelBands:
    """Sees blocks `(channels, any)` and keeps their levels."""

    def __init__(self, sample_rate_hz: float) -> None:
        self.frame = size_near(FRAME_SECONDS * sample_rate_hz)
        self.frames_per_second = sample_rate_hz / self.frame
        self._to_bands = _bands_of(self.frame, sample_rate_hz)
        self._window = np.hanning(self.frame).astype(np.float32)
        self._window *= 2 / self._window.sum()
        self._slabs = Slabs(FRAMES_PER_SLAB * self.frame)
        # The second of the two transforms of a frame reaches half a frame further.
        self._before = np.zeros(0, dtype=np.float32)
        self._levels = Kept(np.int16, BANDS)
        self._samples = 0

    @property
    def seconds(self) -> float:
        return self._samples / (self.frame * self.frames_per_second)

    def see(self, block: Audio) -> None:
        self._samples += block.shape[1]
        for slab in self._slabs.push(block):
            self._measure(slab)

    def levels(self) -> Levels:
        """All there is; to be called once, after the last block."""
        for slab in self._slabs.rest():
            self._measure(slab)
        return _over_mean(self._levels.rows())

    def _measure(self, slab: Audio) -> None:
        samples = np.concatenate([self._before, _mixed(slab)])
        half = self.frame // 2
        whole = (samples.size - half) // self.frame
        self._before = samples[max(whole, 0) * self.frame :]
        if whole < 1:
            return
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.frame)[: 2 * whole * half : half]
        spectra = fft.rfft(frames * self._window, axis=-1, overwrite_x=True)
        power = np.square(spectra.real) + np.square(spectra.imag)
        bands = (power @ self._to_bands).reshape(whole, 2, BANDS).mean(axis=1)
        self._levels.add(np.rint(10 * PER_DB * np.log10(bands + LEAST_POWER)))


def are_silent(levels: Levels) -> NDArray[np.bool_]:
    """`(frames,)`: where there is nothing but the floor."""
    silent: NDArray[np.bool_] = in_decibels(levels.max(axis=1)) < SILENT_DB
    return silent


def in_decibels(levels: Levels) -> NDArray[np.float32]:
    """Any part of them in dB; all at once would take three times the memory."""
    is_kept = levels.dtype == np.int16
    return np.asarray(levels / np.float32(PER_DB) if is_kept else levels, dtype=np.float32)


def _over_mean(kept: NDArray[np.int16]) -> NDArray[np.int16]:
    """What was kept, over the mean over time of all bands together, and in the same place."""
    total = sum(
        float(_powers(kept[first : first + FRAMES_AT_ONCE]).sum()) for first in range(0, len(kept), FRAMES_AT_ONCE)
    )
    mean = max(total / max(len(kept), 1), LEAST_MEAN)
    for first in range(0, len(kept), FRAMES_AT_ONCE):
        part = kept[first : first + FRAMES_AT_ONCE]
        part[:] = np.rint(10 * PER_DB * np.log10(_powers(part) / mean + FLOOR_POWER))
    return kept


def _powers(kept: NDArray[np.int16]) -> NDArray[np.float64]:
    return np.asarray(10 ** (kept / (10.0 * PER_DB)))


def _mixed(audio: Audio) -> NDArray[np.float32]:
    weights = np.float32(CHANNEL_WEIGHT) ** np.arange(audio.shape[0], dtype=np.float32)
    limit = np.sqrt(MOST_POWER)
    mixed: NDArray[np.float32] = weights @ np.clip(audio, -limit, limit) / weights.sum()
    return mixed


def _bands_of(frame: int, sample_rate_hz: float) -> NDArray[np.float32]:
    """Takes the mean over the bins of each band; above half the sample rate the highest band stands for the rest."""
    bins_hz = np.arange(frame // 2 + 1) * sample_rate_hz / frame
    bands = np.searchsorted(EDGES_HZ, bins_hz, side="right") - 1
    matrix = np.zeros((bins_hz.size, BANDS), dtype=np.float32)
    for band in range(BANDS):
        inside = np.flatnonzero(bands == band)
        if inside.size == 0:
            centre_hz = min(np.sqrt(EDGES_HZ[band] * EDGES_HZ[band + 1]), bins_hz[-2])
            inside = np.array([np.argmin(np.abs(bins_hz - centre_hz))])
        matrix[inside, band] = 1 / inside.size
    return matrix
