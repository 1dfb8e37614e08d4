"""Between samples as they are stored and float32 audio: the view for processing, and the way back with dither.

What always holds: a sample whose float32 was handed back as it was is stored from the original, in its full precision;
dither (TPDF, 2 LSB from peak to peak) goes only on samples that changed or that the target cannot hold; and the noise
follows from the block's place and content alone, so that a second run, in any order, gives the same bytes.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.sample_formats import Depth, depth_of

Samples = NDArray[Any]
"""Samples as soundfile hands them over: `(frames, channels)`, int16, int32, float32 or float64."""

GRID_FRAMES = 65_536
# The noise has a grid of its own: the arrays of a larger piece leave the cache, and take twice the time (measured).
PIECE_FRAMES = 16_384
INTEGER_BITS = {"int16": 16, "int32": 32}
# Float32 steps near full scale are 2^-24: noise of the 32nd bit would drown in them.
MOST_DITHERED_BITS = 24
FLOAT32_BITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One block ready to be stored. `clipped` counts the samples that lay past full scale and were held there."""

    samples: Samples
    is_changed: bool
    clipped: int = 0


def as_float32(original: Samples) -> Audio:
    """The block for processing: float32 `(channels, frames)`, full scale at 1."""
    audio = np.empty(original.shape[::-1], dtype=np.float32)
    bits = INTEGER_BITS.get(original.dtype.name)
    if bits is None:
        audio[...] = original.T
    else:
        np.multiply(original.T, np.float32(2.0 ** (1 - bits)), out=audio, casting="unsafe", dtype=np.float32)
    return audio


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """From how the input's samples are stored to how the output's are; `bits` are those in use."""

    source: str
    source_bits: int
    target: str
    target_bits: int

    @property
    def keeps_all(self) -> bool:
        """True when no sample loses anything on the way, whatever its value."""
        source, target = depth_of(self.source), depth_of(self.target)
        if source.is_float:
            return target.is_float and target.bits >= source.bits
        if target.is_float:
            return target.carrier == "float64" or self.source_bits <= FLOAT32_BITS
        return self.target_bits >= self.source_bits


def merge(index: int, original: Samples | None, audio: Audio, conversion: Conversion) -> Merged:
    """Block `index` of the grid, ready to be stored; `original` is None where there is none, after a change of rate."""
    first = index * (GRID_FRAMES // PIECE_FRAMES)
    pieces = [
        _merge_piece(first + number, None if original is None else original[part], audio[:, part], conversion)
        for number, part in enumerate(_parts(audio.shape[1]))
    ]
    is_changed = any(piece.is_changed for piece in pieces)
    if original is not None and not is_changed and conversion.keeps_all:
        return Merged(samples=unchanged(original, conversion), is_changed=False)
    samples = np.concatenate([piece.samples for piece in pieces])
    return Merged(samples=samples, is_changed=is_changed, clipped=sum(piece.clipped for piece in pieces))


def _parts(frames: int) -> list[slice]:
    return [slice(start, min(start + PIECE_FRAMES, frames)) for start in range(0, frames, PIECE_FRAMES)]


def _merge_piece(number: int, original: Samples | None, audio: Audio, conversion: Conversion) -> Merged:
    target = depth_of(conversion.target)
    same = None if original is None else as_float32(original) == audio
    is_changed = same is None or not same.all()
    if original is not None and not is_changed and conversion.keeps_all:
        return Merged(samples=unchanged(original, conversion), is_changed=False)
    if target.is_float:
        return Merged(samples=_as_floats(original, audio, same, target), is_changed=is_changed)
    grid = _Grid(bits=conversion.target_bits, carrier=target.carrier)
    samples, clipped = _quantise(number, original, audio, same, grid)
    return Merged(samples=samples, is_changed=is_changed, clipped=clipped)


def unchanged(original: Samples, conversion: Conversion) -> Samples:
    """A block in which nothing changed, where the conversion keeps all of it."""
    assert conversion.keeps_all
    carrier = depth_of(conversion.target).carrier
    if original.dtype.name == carrier:
        return original
    if carrier == "int32":
        return original.astype(np.int32) << 16
    return exact(original).astype(carrier)


def exact(original: Samples) -> NDArray[np.float64]:
    """The values without any loss; full scale at 1."""
    bits = INTEGER_BITS.get(original.dtype.name)
    return original.astype(np.float64) * (1.0 if bits is None else 2.0 ** (1 - bits))


def _as_floats(original: Samples | None, audio: Audio, same: NDArray[np.bool_] | None, depth: Depth) -> Samples:
    floats: Samples = np.ascontiguousarray(audio.T, dtype=depth.carrier)
    if original is not None and same is not None and original.dtype.kind == "f":
        np.copyto(floats, original, where=same.T, casting="same_kind")
    elif original is not None and same is not None and depth.carrier == "float64":
        np.copyto(floats, exact(original), where=same.T)
    return floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The integers of a target: `bits` in use, at the left of a carrier."""

    bits: int
    carrier: str

    @property
    def scale(self) -> float:
        return 2.0 ** (self.bits - 1)

    @property
    def shift(self) -> int:
        return INTEGER_BITS[self.carrier] - self.bits


def _quantise(
    number: int, original: Samples | None, audio: Audio, same: NDArray[np.bool_] | None, grid: _Grid
) -> tuple[Samples, int]:
    # In float64: at 24 bits float32 has no room left for noise below the last bit. Channels first until the very end,
    # since turning a block over is slower than anything else that is done to it.
    scaled = audio.astype(np.float64)
    kept = np.zeros(scaled.shape, dtype=np.bool_)
    if original is not None and same is not None and same.any():
        np.copyto(scaled, exact(original).T, where=same)
    clipped = int(np.count_nonzero(np.abs(scaled) > 1.0))
    scaled *= grid.scale
    if same is not None:
        kept = same & (scaled == np.rint(scaled))
    if grid.bits <= MOST_DITHERED_BITS and not kept.all():
        noise = _triangular_noise(number, audio if original is None else original, scaled.shape)
        noise[kept] = 0.0
        scaled += noise
    np.rint(scaled, out=scaled)
    np.clip(scaled, -grid.scale, grid.scale - 1, out=scaled)
    samples = scaled.astype(grid.carrier) << grid.shift
    return np.ascontiguousarray(samples.T), clipped


def _triangular_noise(number: int, content: Samples, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Noise between -1 and 1 LSB: the difference of two even ones, from one 64-bit draw a sample."""
    digest = blake2b(number.to_bytes(8, "little"), digest_size=16)
    digest.update(np.ascontiguousarray(content).data)
    count = int(np.prod(shape))
    draws = np.random.SFC64(int.from_bytes(digest.digest(), "little")).random_raw(count)
    halves = draws.astype("<u8", copy=False).view("<i4")
    noise = halves[:count].astype(np.float64)
    noise -= halves[count:]
    noise *= 2.0**-32
    return noise.reshape(shape)
