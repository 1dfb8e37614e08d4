"""RestoreClipping: gives peaks back that were cut off at a ceiling, or bent below one.

Hard: every clipped sample is made anew from its surroundings, at or beyond the ceiling (see `sparse_peaks` and
`predicted_peaks`). Soft: the curve is known, so each sample is put through its inverse. Samples that were not clipped
leave bit-identical after hard clipping, and where nothing was clipped nothing is done. Peaks may pass full scale.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import size_near
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.predicted_peaks import predicted_peaks
from rebounce.engine.repair.sparse_peaks import OVERLAP, Clipped, Places, sparse_peaks
from rebounce.engine.stream import Kernel, Timing

HARD, SOFT, NONE = "hard", "soft", "none"

FRAME_SECONDS = 0.093
FRAMES_PER_BLOCK = 12
# Frames of context on each side: in the outer one clipped samples are taken as they are, in the other solved and thrown
# away, so that the next block, which sees them from further inside, gets nearly the same.
CONTEXT_FRAMES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """How a file was clipped: `hard`, `soft` or `none`, and the ceilings of its channels.

    Hard: samples from `above` on and down to `-below` are clipped; 0 where that side of the channel is not. Soft: both
    are the ceiling of the tanh. `share` is the share of all samples at the ceiling.
    """

    kind: str
    above: tuple[float, ...]
    below: tuple[float, ...]
    share: float

    @property
    def highest(self) -> float:
        return max((*self.above, *self.below), default=0.0)


NOT_CLIPPED = Ceilings(kind=NONE, above=(), below=(), share=0.0)


class RestoreClipping(Plugin):
    """Restores clipped peaks; `(channels, frames)` in and out.

    `strength` mixes from the samples as they are to the restored ones, and no restored sample rises by more than
    `max_excess_db` above the ceiling. Not for clipping that went through a lossy coder or an equaliser afterwards: its
    ceiling is gone, and nothing is found.
    """

    needs_analysis = True
    analysis_type = Ceilings

    strength = Number(0.0, 1.0)
    max_excess_db = Number(0.0, 60.0)

    def __init__(self, *, strength: float = 1.0, max_excess_db: float = 20.0) -> None:
        super().__init__(strength=strength, max_excess_db=max_excess_db)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Ceilings:
        from rebounce.engine.inspection.clipping import find_ceilings

        ceilings: Ceilings = find_ceilings(blocks, sample_rate_hz)
        return ceilings

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if self.analysis.kind == NONE:
            return ["no clipping that can be undone: left alone"]
        height = f"{20 * np.log10(self.analysis.highest):.1f} dBFS"
        part = "" if self.strength == 1 else f", {100 * self.strength:.0f} % of the way"
        if self.analysis.kind == SOFT:
            return [f"soft clipping towards {height}: the curve was inverted{part}"]
        return [f"hard clipping at {height}: {100 * self.analysis.share:.2g}% of the samples were made anew{part}"]

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and self.analysis.kind != HARD:
            return Timing(takes_many=True)
        size = size_near(FRAME_SECONDS * sample_rate_hz)
        context = CONTEXT_FRAMES * size
        return Timing(block_frames=FRAMES_PER_BLOCK * size, before_frames=context, after_frames=context)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if self.analysis.kind == HARD:
            return _Peaks(self, size_near(FRAME_SECONDS * sample_rate_hz))
        if self.analysis.kind == SOFT:
            return _Inverse(self)
        return lambda block: block


class _Peaks:
    """The kernel of one run on hard clipping."""

    def __init__(self, plugin: RestoreClipping, size: int) -> None:
        self._ceilings: Ceilings = plugin.analysis
        self._strength = np.float32(plugin.strength)
        self._most = 10 ** (plugin.max_excess_db / 20)
        self._size = size

    def __call__(self, window: Audio) -> Audio:
        context = CONTEXT_FRAMES * self._size
        inner = slice(context, window.shape[1] - context)
        block = window[:, inner]
        restored = block
        for number, samples in enumerate(window):
            places = self._clipped_places(samples, number)
            if not np.any((places >= inner.start) & (places < inner.stop)):
                continue
            if restored is block:
                restored = block.copy()
            values = samples[places] + self._strength * (self._values(samples, places) - samples[places])
            kept = (places >= inner.start) & (places < inner.stop)
            restored[number, places[kept] - inner.start] = values[kept]
        return restored

    def _clipped_places(self, samples: Audio, number: int) -> Places:
        above = self._ceilings.above[number % len(self._ceilings.above)]
        below = self._ceilings.below[number % len(self._ceilings.below)]
        is_clipped = np.zeros(samples.size, dtype=np.bool_)
        if above:
            is_clipped |= samples >= np.float32(above)
        if below:
            is_clipped |= samples <= -np.float32(below)
        # Only where all frames are whole.
        edge = self._size - self._size // OVERLAP
        return edge + np.flatnonzero(is_clipped[edge:-edge])

    def _values(self, samples: Audio, places: Places) -> Audio:
        """Solved near 1, whatever the level, as the solvers have limits of their own."""
        scale = np.float32(2.0 ** np.round(np.log2(self._ceilings.highest)))
        scaled = samples / scale
        least = np.abs(scaled[places])
        clipped = Clipped(
            places=places, signs=np.sign(scaled[places]), least=least, most=least * np.float32(self._most)
        )
        start = sparse_peaks(scaled, clipped, self._size)
        return predicted_peaks(scaled, clipped, start, self._size) * scale


class _Inverse:
    """The kernel of one run on soft clipping."""

    def __init__(self, plugin: RestoreClipping) -> None:
        self._ceiling = plugin.analysis.highest
        self._strength = plugin.strength
        # Where the inverse has risen to the most that is allowed; other samples of a longer piece may lie beyond.
        self._highest = float(np.tanh(10 ** (plugin.max_excess_db / 20)))

    def __call__(self, block: Audio) -> Audio:
        ratio = block.astype(np.float64) / self._ceiling
        most = min(self._highest, 1 - 2.0**-50)
        undone = self._ceiling * np.arctanh(np.clip(ratio, -most, most))
        restored: Audio = (block + self._strength * (undone - block)).astype(np.float32)
        return restored
