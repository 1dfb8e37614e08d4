"""Small real plugins that the host is proven with: each does one thing whose result is known."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import PluginError
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Kernel, Timing


class Delay(Plugin):
    """Delays inside, declares it, and so must come out in place."""

    frames = Number(0, 100_000)

    def __init__(self, *, frames: float = 37) -> None:
        super().__init__(frames=frames)

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(latency_frames=int(self.frames), takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        held = np.zeros((channels, int(self.frames)), dtype=np.float32)

        def delay(block: Audio) -> Audio:
            nonlocal held
            both = np.concatenate([held, block], axis=1)
            held = both[:, block.shape[1] :]
            return both[:, : block.shape[1]]

        return delay


class Smooth(Plugin):
    """A moving average over `before + 1 + after` frames: needs context on both sides."""

    def __init__(self, block_frames: int = 100, before: int = 13, after: int = 5) -> None:
        super().__init__()
        self._timing = Timing(block_frames=block_frames, before_frames=before, after_frames=after)

    def timing(self, sample_rate_hz: float) -> Timing:
        return self._timing

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        taps = np.ones(self._timing.before_frames + 1 + self._timing.after_frames, dtype=np.float32)

        def smooth(window: Audio) -> Audio:
            return np.stack([np.convolve(row, taps / len(taps), mode="valid") for row in window])

        return smooth


class Withholds(Plugin):
    """Keeps back a changing number of frames, as some hosted plugins do."""

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        held = np.zeros((channels, 0), dtype=np.float32)
        calls = 0

        def withhold(block: Audio) -> Audio:
            nonlocal held, calls
            calls += 1
            both = np.concatenate([held, block], axis=1)
            keep = 1000 * (calls % 3)
            cut = max(both.shape[1] - keep, 0)
            held = both[:, cut:]
            return both[:, :cut]

        return withhold

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing()


class Swallows(Plugin):
    """Never gives anything back."""

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        return lambda block: block[:, :0]


class FailAfter(Plugin):
    """Raises when it has seen so many frames."""

    frames = Number(0)

    def __init__(self, *, frames: float = 10_000) -> None:
        super().__init__(frames=frames)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        seen = 0

        def fail(block: Audio) -> Audio:
            nonlocal seen
            seen += block.shape[1]
            if seen > self.frames:
                raise PluginError(f"FailAfter: seen {seen} frames, as asked")
            return block

        return fail


class MakesNan(Plugin):
    """One sample a block is no number."""

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        def spoil(block: Audio) -> Audio:
            spoiled = block.copy()
            spoiled[-1, 0] = np.nan
            return spoiled

        return spoil


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakSeen:
    """The largest sample of a file."""

    peak: float


class ToPeak(Plugin):
    """Brings the largest sample to `level`: must see the whole file first."""

    needs_analysis: ClassVar[bool] = True
    analysis_type = PeakSeen
    level = Number(0, 1)

    def __init__(self, *, level: float = 0.5) -> None:
        super().__init__(level=level)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> PeakSeen:
        return PeakSeen(peak=max((float(np.abs(block).max(initial=0.0)) for block in blocks), default=0.0))

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        gain = np.float32(self.level / self.analysis.peak if self.analysis.peak else 1.0)
        return lambda block: block * gain
