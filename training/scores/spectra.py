"""Power spectra of two pieces side by side, as the spectral scores read them.

What always holds: a sine at full scale has a power of 1 in its bin, every sample is seen by four frames, the pieces
may be of any length, and the memory that is needed beside them does not grow with it.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

from rebounce.engine.audio import Audio

BASE_RATE_HZ = 44_100
FRAMES_PER_SIZE = 4
SMALLEST_SIZE = 64

# -120 dBFS in a bin: what 16 bits resolve lies below in every bin of 512 and more, so that digital silence and its
# dither are the same to a score. The other end keeps float32 from overflowing.
LOWEST_POWER = np.float32(1e-12)
HIGHEST_POWER = np.float32(1e12)

# Frames at a time: what they need fits into the processor's cache.
SLAB_FRAMES = 64


def size_at(sample_rate_hz: int, size: int = 2048) -> int:
    """`size` at 44.1 and 48 kHz; at other rates the power of two times it that lasts about as long."""
    return max(SMALLEST_SIZE, round(size * 2.0 ** round(math.log2(sample_rate_hz / BASE_RATE_HZ))))


def paired_powers(clean: Audio, other: Audio, size: int) -> Iterator[tuple[Audio, Audio]]:
    """The powers of both pieces `(channels, frames)`, slab after slab, each `(rows, bins)`: a frame of a channel a row.

    Periodic Hann windows of `size`, a quarter of it apart, the first one centred on the first sample; zeros lie around
    the piece.
    """
    hop = size // FRAMES_PER_SIZE
    window = np.hanning(size + 1)[:-1]
    scaled = (window * 2 / window.sum()).astype(np.float32)
    for start in range(-(size // 2), clean.shape[1] - size // 2 + 1, SLAB_FRAMES * hop):
        count = min(SLAB_FRAMES, (clean.shape[1] - size // 2 - start) // hop + 1)
        both = np.stack([_span(piece, start, (count - 1) * hop + size) for piece in (clean, other)])
        powers = _powers(sliding_window_view(both, size, axis=2)[:, :, ::hop] * scaled).reshape(2, -1, size // 2 + 1)
        yield powers[0], powers[1]


def decibels_apart(clean: Audio, other: Audio) -> Audio:
    """How many dB the powers `other` lie above `clean`, none of them counted as less than -120 dBFS."""
    apart = np.maximum(other, LOWEST_POWER)
    apart /= np.maximum(clean, LOWEST_POWER)
    np.log10(apart, out=apart)
    apart *= 10
    return apart


def _span(audio: Audio, start: int, frames: int) -> Audio:
    """That many frames from `start` on, which may lie before the first; zeros where there are none."""
    span = np.zeros((audio.shape[0], frames), dtype=np.float32)
    first, end = max(start, 0), min(start + frames, audio.shape[1])
    span[:, first - start : end - start] = audio[:, first:end]
    return span


def _powers(frames: Audio) -> Audio:
    spectra = fft.rfft(frames)
    with np.errstate(over="ignore"):
        powers: Audio = np.square(spectra.real)
        powers += np.square(spectra.imag)
    return np.minimum(powers, HIGHEST_POWER, out=powers)
