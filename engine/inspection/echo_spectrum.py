"""Log spectra of long windows: an echo is a ripple on them, of one shape in every part of a file.

Several sums are kept, each of a stretch of the file, so that what is there throughout can be told from what the music
does now and then; and of stereo one each of the sum and the difference of its channels, so that an echo of the whole
mix can be told from that of one voice in the middle. Memory is constant: when all sums are in use, neighbours are added
up. What always holds: the level of the audio does not matter, and windows that are silent do not count.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio, joined
from rebounce.engine.overlap_add import Slabs

Floats = NDArray[np.float64]

# The longer, the less an echo is cut off by the ends of its window; shorter ones would do for pieces below 7.5 s.
WINDOW_SECONDS = 5.0
HOPS_PER_WINDOW = 4
HIGHEST_HZ = 16_000.0
HIGHEST_SHARE_OF_RATE = 0.45
MOST_SUMS = 16
# From how many hops on only each second or fourth has a window: long files tell enough, and in a quarter of the time.
SPARSE_FROM = ((0, 1), (16, 2), (48, 4))
# Below this share of its loudest bin a window holds rounding errors only.
FLOOR_SHARE = 1e-13
SILENCE = 1e-10
STEREO = 2
LEAST_POWER = 1e-30
# Softer against the sum of the channels their difference says nothing: it may be a coder's.
LEAST_SIDE_SHARE = 0.01


class EchoSpectra:
    """Sees blocks `(channels, any)`; `means` are the mean log spectra of stretches of equal length."""

    def __init__(self, sample_rate_hz: float) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._hop = fft.next_fast_len(round(WINDOW_SECONDS * sample_rate_hz / HOPS_PER_WINDOW), real=True)
        size = HOPS_PER_WINDOW * self._hop
        self.window_s = size / sample_rate_hz
        count = int(min(HIGHEST_HZ, HIGHEST_SHARE_OF_RATE * sample_rate_hz) * size / sample_rate_hz)
        self.frequencies_hz: Floats = np.arange(1, count + 1) * (sample_rate_hz / size)
        self._window = (np.sin(np.pi * np.arange(size) / size) ** 2).astype(np.float32)
        self._slabs = Slabs(self._hop)
        self._held: list[Audio] = []
        self._hops = 0
        self._sums: list[NDArray[np.float32]] = []
        self._counts: list[int] = []
        self._per_sum = 1
        self._mid_side = np.zeros((2, count), dtype=np.float64)
        self._mid_side_count = 0

    @property
    def means(self) -> NDArray[np.float32]:
        """`(stretches, frequencies)`."""
        sums = np.array(self._sums, dtype=np.float32).reshape(len(self._sums), self.frequencies_hz.size)
        return sums / np.array(self._counts, dtype=np.float32)[:, None]

    @property
    def mid_side(self) -> Floats | None:
        """The mean log spectra of the sum and the difference of two channels; None where there is too little of one."""
        return self._mid_side / self._mid_side_count if self._mid_side_count else None

    def see(self, block: Audio) -> None:
        """The next block."""
        for slab in self._slabs.push(block):
            self._hops += 1
            self._held.append(slab.copy())
            step = max(step for since, step in SPARSE_FROM if self._hops > since)
            if len(self._held) == HOPS_PER_WINDOW:
                if self._hops % step == 0:
                    self._add(joined(self._held, slab.shape[0]))
                self._held.pop(0)

    def _add(self, window: Audio) -> None:
        peak = float(max(window.max(), -window.min()))
        if peak < SILENCE:
            return
        # At one level all, so that no square is too large or too small.
        spectra = fft.rfft(window * (self._window / np.float32(peak)), axis=1)[:, 1 : self.frequencies_hz.size + 1]
        powers = np.square(spectra.real).sum(axis=0)
        powers += np.square(spectra.imag).sum(axis=0)
        logs = _logs(powers)
        if len(spectra) == STEREO:
            self._add_mid_side(spectra)
        if self._counts and self._counts[-1] < self._per_sum:
            self._sums[-1] += logs
            self._counts[-1] += 1
            return
        if len(self._sums) == MOST_SUMS:
            self._halve()
        self._sums.append(logs)
        self._counts.append(1)

    def _add_mid_side(self, spectra: NDArray[np.complex64]) -> None:
        powers = [_powers(spectra[0] + spectra[1]), _powers(spectra[0] - spectra[1])]
        weak, strong = sorted(float(power.sum()) for power in powers)
        if weak > LEAST_SIDE_SHARE * strong:
            self._mid_side += [_logs(power) for power in powers]
            self._mid_side_count += 1

    def _halve(self) -> None:
        """Make one of each two neighbours."""
        self._sums = [first + second for first, second in zip(self._sums[::2], self._sums[1::2], strict=True)]
        self._counts = [first + second for first, second in zip(self._counts[::2], self._counts[1::2], strict=True)]
        self._per_sum *= 2


def _powers(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    return np.square(spectrum.real) + np.square(spectrum.imag)


def _logs(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.log(powers + powers.max() * np.float32(FLOOR_SHARE) + np.float32(LEAST_POWER)))
