"""Short-time spectra on a fixed grid, and the way back.

For a kernel that gets `margin + block + margin` frames and gives the block in the middle, with the block a multiple of
the hop: every sample of the block is covered by all the frames that cover it in the whole file, at the same absolute
places. float32 throughout.

A spectral repair adds a difference, `y = x + audio_of(change)`: where no frame over a sample changes, the difference is
exactly zero and the sample leaves as it came.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio, joined

Spectra = NDArray[np.complex64]
"""`(channels, frames, bins)`."""

Powers = NDArray[np.float32]
"""`(channels, frames, bins)`, or `(frames, bins)` where the channels were added up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """Frames of `size` samples, `overlap` of which cover every sample.

    The window is sin^(overlap / 2), once before the transform and once after it: a sine for 2, Hann for 4. Its square
    adds up to a constant at that overlap, which is what makes the way back exact.
    """

    size: int
    overlap: int

    def __post_init__(self) -> None:
        assert self.overlap in (2, 4), "the window adds up at these overlaps only"
        assert self.size % self.overlap == 0, "the hop must be a whole number of samples"

    @property
    def hop(self) -> int:
        return self.size // self.overlap

    @property
    def bins(self) -> int:
        return self.size // 2 + 1

    @property
    def margin(self) -> int:
        """Samples on each side of a block that its frames reach into."""
        return self.size - self.hop

    def bin_hz(self, sample_rate_hz: float) -> float:
        """The distance of two bins."""
        return sample_rate_hz / self.size

    def density_scale(self, sample_rate_hz: float) -> float:
        """What the power of a bin is divided by to give a one-sided density: full scale squared per hertz."""
        return float(np.sum(_window(self).astype(np.float64) ** 2)) * sample_rate_hz / 2


def size_near(samples: float) -> int:
    """The transform size nearest to `samples` in ratio: a power of two, or three times one."""
    sizes = [factor << power for power in range(5, 16) for factor in (2, 3)]
    return min(sizes, key=lambda size: abs(np.log(size / samples)))


def spectra_of(audio: Audio, framing: Framing) -> Spectra:
    """The spectrum of every frame that lies wholly in `audio`, the first one starting at its first sample."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, framing.size, axis=1)[:, :: framing.hop]
    return _transform(frames * _window(framing))


def separate_spectra_of(audio: Audio, framing: Framing) -> Spectra:
    """The spectra of frames that do not overlap, for looking only; what is left over at the end is not seen."""
    count = audio.shape[1] // framing.size
    frames = audio[:, : count * framing.size].reshape(audio.shape[0], count, framing.size)
    return _transform(frames * _window(framing))


def audio_of(spectra: Spectra, framing: Framing) -> Audio:
    """The audio under the frames, without the margin at both ends that not all frames cover.

    `audio_of(spectra_of(x))` is `x[:, margin:-margin]`, where the hop divides the length of x.
    """
    channels, count, _ = spectra.shape
    frames = fft.irfft(spectra, n=framing.size, axis=-1)
    frames *= _synthesis_window(framing)
    pieces = frames.reshape(channels, count, framing.overlap, framing.hop)
    hops = count - framing.overlap + 1
    total = pieces[:, framing.overlap - 1 :, 0] + pieces[:, framing.overlap - 2 : -1, 1]
    for late in range(2, framing.overlap):
        first = framing.overlap - 1 - late
        total += pieces[:, first : first + hops, late]
    audio: Audio = total.reshape(channels, hops * framing.hop)
    return audio


def powers_of(spectra: Spectra) -> Powers:
    """The squared magnitude of every bin."""
    powers: Powers = np.square(spectra.real)
    powers += np.square(spectra.imag)
    return powers


def slabs_of(blocks: Iterable[Audio], frames: int) -> Iterator[Audio]:
    """The same audio cut on a grid of `frames` from its start; the last slab may be shorter."""
    slabs = Slabs(frames)
    for block in blocks:
        yield from slabs.push(block)
    yield from slabs.rest()


class Slabs:
    """Cuts audio that comes in blocks of any length on a grid of `frames` from its start."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._held: list[Audio] = []
        self._count = 0

    def push(self, block: Audio) -> Iterator[Audio]:
        """Take the next block; every slab that is whole comes back, once, and must be used before the next push."""
        self._held.append(block)
        self._count += block.shape[1]
        if self._count >= self._frames:
            waiting = joined(self._held, block.shape[0])
            whole = self._count // self._frames * self._frames
            for start in range(0, whole, self._frames):
                yield waiting[:, start : start + self._frames]
            self._held, self._count = [waiting[:, whole:]], self._count - whole
        # A copy, so that the source may reuse its block.
        self._held[-1] = self._held[-1].copy()

    def rest(self) -> Iterator[Audio]:
        """What is left at the end, if anything is: shorter than a slab."""
        if self._count:
            yield joined(self._held, self._held[0].shape[0])


def _transform(frames: Audio) -> Spectra:
    spectra: Spectra = fft.rfft(frames, axis=-1, overwrite_x=True)
    return spectra


@lru_cache(maxsize=16)
def _window(framing: Framing) -> Audio:
    phase = np.pi * np.arange(framing.size) / framing.size
    return (np.sin(phase) ** (framing.overlap // 2)).astype(np.float32)


@lru_cache(maxsize=16)
def _synthesis_window(framing: Framing) -> Audio:
    """The window again, divided by what the squares add up to."""
    window = _window(framing).astype(np.float64)
    return (window * framing.hop / np.sum(window**2)).astype(np.float32)
