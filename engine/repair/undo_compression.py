"""UndoCompression: the gain of a compressor taken back sample by sample.

`rebounce` is the classic feed-forward compressor that `Dynamics` is, `pedalboard` that of pedalboard: run backwards
with the settings that were used, both give the input to within 90 dB. For a compressor of another kind there is
`expander`, which turns up what lies above the threshold by what a steady level had lost; it is no inverse, and nothing
but the `range_db` bounds it.

The settings are given: which ones a finished mix went through cannot be told from the mix, and without a ratio nothing
is changed. A low threshold and a ratio below the true one give a part back of most; that is what the detector of
compression proposes where it is sure.
"""

from collections.abc import Callable

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.dynamics import PeakDetector, ReductionSmoother
from rebounce.engine.parameters import Choice, Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.compressor_inverse import ChannelInverse, Gains, LinkedInverse, Settings
from rebounce.engine.stream import GRID_FRAMES, Kernel, Timing

REBOUNCE, PEDALBOARD, EXPANDER = "rebounce", "pedalboard", "expander"

FindGains = Callable[[Audio], Gains | None]


class UndoCompression(Plugin):
    """Turns up again what a compressor turned down; `(channels, frames)` in and out.

    `threshold_db`, `ratio`, `attack_ms` and `release_ms` are those of the compressor, `makeup_db` what it was turned up
    by after it. No frame is turned up by more than `range_db`, and `strength` scales the gain in dB. Not for settings
    that were guessed: too low a threshold or too high a ratio makes what was loud far too loud.
    """

    design = Choice(REBOUNCE, PEDALBOARD, EXPANDER)
    threshold_db = Number(-160.0, 40.0)
    ratio = Number(1.0, 100.0)
    attack_ms = Number(0.0, 1_000.0)
    release_ms = Number(0.0, 10_000.0)
    makeup_db = Number(-60.0, 60.0)
    range_db = Number(0.0, 60.0)
    strength = Number(0.0, 1.0)

    def __init__(  # noqa: PLR0913 - an argument for each parameter, as pedalboard's plugins have
        self,
        *,
        design: str = REBOUNCE,
        threshold_db: float = -20.0,
        ratio: float = 1.0,
        attack_ms: float = 10.0,
        release_ms: float = 100.0,
        makeup_db: float = 0.0,
        range_db: float = 30.0,
        strength: float = 1.0,
    ) -> None:
        super().__init__(
            design=design,
            threshold_db=threshold_db,
            ratio=ratio,
            attack_ms=attack_ms,
            release_ms=release_ms,
            makeup_db=makeup_db,
            range_db=range_db,
            strength=strength,
        )
        self._last_run: _Undoing | None = None

    def is_identity(self) -> bool:
        return super().is_identity() or (self.makeup_db == 0 and (self.ratio == 1 or self.range_db == 0))

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(block_frames=GRID_FRAMES)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        self._last_run = _Undoing(self, _finders(self, sample_rate_hz, channels))
        return self._last_run

    def notes(self) -> list[str]:
        if self.ratio == 1 and self.makeup_db == 0:
            return ["no ratio was given: left alone"]
        if self._last_run is None:
            return []
        up_db, down_db = self._last_run.largest_gain_db, self.makeup_db * self.strength
        if up_db == 0:
            turned = f"turned {'down' if down_db > 0 else 'up'} by {abs(down_db):.1f} dB, and nothing opened"
            return [turned] if down_db else []
        if down_db <= 0:
            return [f"turned up by up to {up_db - down_db:.1f} dB what a compressor had turned down"]
        spread = (
            f"peaks up by {max(0.0, up_db - down_db):.1f} dB at most, what is soft down by {down_db:.1f} dB at most"
        )
        return [f"opened what a compressor had squeezed: {spread}"]


class _Undoing:
    """The kernel of one run; knows afterwards how far it went up."""

    def __init__(self, plugin: UndoCompression, finders: list[FindGains]) -> None:
        self._finders = finders
        self._makeup_db = plugin.makeup_db
        self._strength = plugin.strength
        self.largest_gain_db = 0.0

    def __call__(self, block: Audio) -> Audio:
        # The compressor worked before it was turned up.
        compressed = block * np.float32(10 ** (-self._makeup_db / 20)) if self._makeup_db else block
        parts = [compressed] if len(self._finders) == 1 else np.split(compressed, len(self._finders))
        gains = [find(part) for find, part in zip(self._finders, parts, strict=True)]
        if not self._makeup_db and all(found is None for found in gains):
            return block
        rows = np.split(block, len(gains))
        return np.concatenate([self._turned(row, found) for row, found in zip(rows, gains, strict=True)])

    def _turned(self, rows: Audio, gains_db: Gains | None) -> Audio:
        if gains_db is None:
            return rows * np.float32(10 ** (-self._makeup_db * self._strength / 20)) if self._makeup_db else rows
        self.largest_gain_db = max(self.largest_gain_db, float(gains_db.max()) * self._strength)
        factors: Audio = (10 ** ((gains_db - self._makeup_db) * self._strength / 20)).astype(np.float32)
        return rows * factors


class _Expander:
    """The gain that would hold a steady level: it hears the output, so that it needs no inverse, and gives none."""

    def __init__(self, plugin: UndoCompression, sample_rate_hz: float) -> None:
        self._detector = PeakDetector(sample_rate_hz)
        self._smoother = ReductionSmoother(sample_rate_hz, plugin.attack_ms, plugin.release_ms)
        self._threshold_db = np.float32(plugin.threshold_db)
        self._slope = np.float32(plugin.ratio - 1)
        self._range_db = np.float32(plugin.range_db)

    def __call__(self, block: Audio) -> Gains | None:
        over_db = np.maximum(self._detector.level_db(block) - self._threshold_db, np.float32(0))
        gains_db = self._smoother.smooth(np.minimum(over_db * self._slope, self._range_db))
        return gains_db.astype(np.float64) if gains_db.any() else None


def _finders(plugin: UndoCompression, sample_rate_hz: float, channels: int) -> list[FindGains]:
    """What finds the gain: one for all channels, or one for each."""
    if plugin.design == EXPANDER:
        return [_Expander(plugin, sample_rate_hz)]
    settings = Settings(
        threshold_db=plugin.threshold_db,
        ratio=plugin.ratio,
        attack_ms=plugin.attack_ms,
        release_ms=plugin.release_ms,
        range_db=plugin.range_db,
    )
    if plugin.design == REBOUNCE:
        return [LinkedInverse(sample_rate_hz, settings).gains_db]
    return [ChannelInverse(sample_rate_hz, settings).gains_db for _ in range(channels)]
