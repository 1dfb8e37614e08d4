"""What audio is in memory: float32, channels first."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.errors import UsageError

Audio = NDArray[np.float32]

MOST_CHANNELS = 64


def as_audio(samples: Any) -> Audio:
    """`samples` as float32 `(channels, frames)`; a one-dimensional array is one channel."""
    array = np.asarray(samples)
    if array.dtype.kind not in "fiu":
        raise UsageError(
            f"expected an array of numbers, got dtype {array.dtype}; pass float32 audio (channels, frames)"
        )
    if array.dtype.kind in "iu":
        raise UsageError(
            f"expected floating-point audio, got {array.dtype}; divide by its full scale first, "
            "for instance x.astype('float32') / 32768 for 16-bit samples"
        )
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2 or array.shape[0] == 0:
        raise UsageError(f"expected audio of shape (channels, frames), got {array.shape}")
    if array.shape[0] > MOST_CHANNELS:
        raise UsageError(f"expected (channels, frames), got {array.shape}; this looks channels-last - pass x.T")
    return array.astype(np.float32, copy=False)


def check_numbers(audio: Audio) -> Audio:
    """The audio, or a UsageError that says where it holds no number."""
    # A sum is far cheaper than a look at every sample; only where it is no number is the look worth having.
    with np.errstate(invalid="ignore", over="ignore"):
        is_suspect = not np.isfinite(audio.sum())
    if is_suspect and not np.isfinite(audio).all():
        channel, frame = np.argwhere(~np.isfinite(audio))[0]
        raise UsageError(f"expected numbers, got {audio[channel, frame]} in channel {channel} at frame {frame}")
    return audio


def joined(blocks: Sequence[Audio], channels: int) -> Audio:
    """The blocks one after another; a single block is handed on without a copy."""
    kept = [block for block in blocks if block.shape[1]]
    if not kept:
        return np.zeros((channels, 0), dtype=np.float32)
    return kept[0] if len(kept) == 1 else np.concatenate(kept, axis=1)


def is_one_shot(blocks: Iterable[Audio]) -> bool:
    """True for a generator or iterator: what can be walked only once."""
    return iter(blocks) is blocks
