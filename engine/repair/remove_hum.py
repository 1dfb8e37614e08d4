"""RemoveHum: takes the lines of the mains hum away by subtracting them, and nothing else.

Each line is a sine whose amplitude and phase were measured over the whole file. From there it is followed second by
second: by no more than the hum of this file wanders, and the less, the louder the music around the line is. So a bass
note on the same frequency stays, where a notch would gouge it out. Digital silence stays silent.
"""

from collections.abc import Iterable

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.hum_looks import (
    Complexes,
    black_parts,
    grid_for,
    lines_in,
    look,
    music_around,
)
from rebounce.engine.mains_hum import Hum, HumFinder
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.scope import EVERYWHERE, Scope
from rebounce.engine.repair.taken_away import taken_away
from rebounce.engine.stream import Kernel, Timing

# How far beside a line anything may change, as it is not followed faster than by the second.
REACH_HZ = 3.0
# How far off the first amplitudes may be, of themselves.
FIRST_DOUBT = 0.05


class RemoveHum(Plugin):
    """Subtracts a steady hum at 50 or 60 Hz and its multiples; `(channels, frames)` in and out.

    `strength` is the share of it that goes. Not for hum that is switched on and off, nor for buzz above 720 Hz.
    """

    needs_analysis = True
    analysis_type = Hum

    strength = Number(0.0, 1.0)

    def __init__(self, *, strength: float = 1.0) -> None:
        super().__init__(strength=strength)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Hum:
        finder = HumFinder(sample_rate_hz)
        for block in blocks:
            finder.see(block)
        return finder.hum()

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if self.analysis.mains_hz is None:
            return ["no mains hum: left alone"]
        count = len(self.analysis.multiples)
        lines = f"{count} of its multiples" if count > 1 else "one of its multiples"
        return [f"hum at {self.analysis.mains_hz:.1f} Hz, {lines}: {taken_away(self.strength)}"]

    def scope(self, sample_rate_hz: float) -> Scope:
        if self.analysis is None:
            return EVERYWHERE
        centres_hz = [self.analysis.mains_hz * multiple for multiple in self.analysis.multiples]
        return Scope(bands_hz=tuple((hz - REACH_HZ, hz + REACH_HZ) for hz in centres_hz))

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and self.analysis.mains_hz is None:
            return Timing(takes_many=True)
        second = grid_for(sample_rate_hz).second
        return Timing(block_frames=second, after_frames=second)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if self.analysis.mains_hz is None:
            return lambda block: block
        return _Canceller(self, sample_rate_hz, channels)


class _Canceller:
    """The kernel of one run: a filter of Kalman for each line, whose state is its amplitude in each channel."""

    def __init__(self, plugin: RemoveHum, sample_rate_hz: float, channels: int) -> None:
        hum: Hum = plugin.analysis
        assert hum.mains_hz is not None
        self._grid = grid_for(sample_rate_hz)
        self._strength = plugin.strength
        self._multiples = hum.multiples
        self._mains_hz = hum.nominal_hz
        self._lines_hz = hum.mains_hz * np.asarray(hum.multiples)
        amplitudes = hum.amplitudes()
        # A file of another number of channels than was analysed: the mean serves all.
        fits = amplitudes.shape[1] == channels
        self._now = amplitudes if fits else np.repeat(amplitudes.mean(axis=1, keepdims=True), channels, axis=1)
        height = np.square(np.abs(self._now)).mean(axis=1)
        self._doubt = FIRST_DOUBT**2 * height
        self._step = hum.wander**2 * height
        frames = np.arange(self._grid.second)
        turns = np.outer(self._lines_hz / sample_rate_hz, frames)
        self._waves = np.exp(2j * np.pi * turns).astype(np.complex64)
        self._ramp = (frames / self._grid.second).astype(np.float32)
        self._number = 0

    def __call__(self, window: Audio) -> Audio:
        block = window[:, : self._grid.second]
        before, self._now = self._now, self._next(window)
        start = self._turned(self._number * self._grid.second)
        hum = ((before * start).T.astype(np.complex64) @ self._waves).real * (1 - self._ramp)
        hum += ((self._now * start).T.astype(np.complex64) @ self._waves).real * self._ramp
        self._number += 1
        hum *= np.repeat(~black_parts(block, self._grid), self._grid.part)
        return np.asarray(block - np.float32(self._strength) * hum, dtype=np.float32)

    def _next(self, window: Audio) -> Complexes:
        """The amplitudes at the end of the block, in the middle of the window."""
        self._doubt = self._doubt + self._step
        bins = look(window, self._grid)
        if bins is None:
            return self._now
        centre = self._number * self._grid.second + self._grid.centre
        seen = lines_in(bins, self._lines_hz, self._grid).T / self._turned(centre)
        music = music_around(bins, [(self._mains_hz, multiple) for multiple in self._multiples], self._grid)
        rest = np.square(np.abs(seen - self._now)).mean(axis=1)
        noise = np.square(music) + rest
        gain = self._doubt / (self._doubt + noise)
        self._doubt = (1 - gain) * self._doubt
        return np.asarray(self._now + gain[:, np.newaxis] * (seen - self._now))

    def _turned(self, frame: float) -> Complexes:
        """What each line has turned by since the first frame, `(lines, 1)`."""
        turns = np.exp(2j * np.pi * self._lines_hz * frame / self._grid.sample_rate_hz)
        return np.asarray(turns[:, np.newaxis])
