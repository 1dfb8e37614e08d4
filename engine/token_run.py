"""One piece of audio on its way through a token restorer, at any sample rate.

What the models see is the piece at the codec's rate, in windows on a grid that begins at its first frame; what they
make comes back to the piece's own rate and is added there. Always true here: the piece itself is never resampled (in
the modes that add to it), where nothing is added its samples leave as they came, bit for bit, and what is held does not
grow with its length.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio, joined
from rebounce.engine.change_resampling import ChangeResampler
from rebounce.engine.resampling import Resampler
from rebounce.engine.token_repair import Repairs, TokenRepair
from rebounce.engine.token_windows import Window, WindowCutter, WindowGrid, WindowJoiner


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """How one piece goes through: its own rate and channels, and those of the models.

    `batch` windows are repaired at a time, on a grid of batches that begins with the first window. With `replaces` what
    is made stands in the input's place, else it is added; with `applies_level` the level that the network proposes is
    applied to the result.
    """

    sample_rate_hz: int
    channels: int
    model_rate_hz: int
    model_channels: int
    grid: WindowGrid
    batch: int
    strength: float
    replaces: bool
    applies_level: bool


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was done so far: windows seen and windows changed, and between what the levels lie that were proposed."""

    windows: int = 0
    changed: int = 0
    lowest_level_db: float = math.inf
    highest_level_db: float = -math.inf

    def add(self, repairs: Repairs) -> None:
        self.windows += len(repairs.is_changed)
        self.changed += int(repairs.is_changed.sum())
        self.lowest_level_db = min(self.lowest_level_db, float(repairs.level_db.min()))
        self.highest_level_db = max(self.highest_level_db, float(repairs.level_db.max()))


class _Conversion(Protocol):
    def push(self, audio: Audio) -> Audio: ...

    def finish(self) -> Audio: ...


class TokenRun:
    """Push `(channels, any)`, then finish: as many frames come out as went in."""

    def __init__(self, repair: TokenRepair, plan: RunPlan) -> None:
        self.tally = Tally()
        self._repair = repair
        self._plan = plan
        self._to_model = Resampler(plan.sample_rate_hz, plan.model_rate_hz, plan.channels)
        self._back = _way_back(plan)
        self._cutter = WindowCutter(plan.grid, plan.model_channels)
        self._joiner = WindowJoiner(plan.grid, plan.channels)
        self._waiting: list[Window] = []
        self._own = Frames(plan.channels)
        self._level = LevelCurve(plan.grid)
        self._returned = 0

    def push(self, audio: Audio) -> Audio:
        """Take the next frames and return what is ready."""
        # A copy, as the caller may use its block again long before this one's turn comes.
        block = audio.copy()
        self._own.append(block)
        self._waiting += self._cutter.push(self._as_the_model_wants(self._to_model.push(block)))
        return self._mixed(self._back.push(self._made(is_end=False)))

    def finish(self) -> Audio:
        """The rest."""
        self._waiting += self._cutter.push(self._as_the_model_wants(self._to_model.finish()))
        self._waiting += self._cutter.finish()
        ready = self._back.push(joined([self._made(is_end=True), self._joiner.finish()], self._plan.channels))
        made = joined([ready, self._back.finish()], self._plan.channels)
        # At rates above the model's, a last frame or two may have none of the model's beside them.
        missing = max(self._own.count - made.shape[1], 0) if made.size else 0
        mixed = self._mixed(np.pad(made, ((0, 0), (0, missing)), mode="edge") if missing else made)
        return joined([mixed, self._own.take(self._own.count)], self._plan.channels)

    def _as_the_model_wants(self, audio: Audio) -> Audio:
        return np.repeat(audio, self._plan.model_channels // self._plan.channels, axis=0)

    def _as_the_piece_is(self, audio: Audio) -> Audio:
        return audio if len(audio) == self._plan.channels else audio.mean(axis=0, keepdims=True)

    def _made(self, is_end: bool) -> Audio:
        """What was made of the batches of windows that are whole, and of the last one at the end."""
        made: list[Audio] = []
        while len(self._waiting) >= self._plan.batch or (is_end and self._waiting):
            batch, self._waiting = self._waiting[: self._plan.batch], self._waiting[self._plan.batch :]
            repairs = self._repair(batch)
            self.tally.add(repairs)
            self._level.extend(repairs.level_db)
            made += [self._joiner.push(self._as_the_piece_is(audio)) for audio in repairs.audio]
        return joined(made, self._plan.channels)

    def _mixed(self, made: Audio) -> Audio:
        """What was made, with the frames of the piece that it belongs to."""
        own = self._own.take(min(made.shape[1], self._own.count))
        made = made[:, : own.shape[1]]
        mixed = self._replaced(own, made) if self._plan.replaces else added(own, made, self._plan.strength)
        if self._plan.applies_level:
            mixed = self._at_level(mixed)
        self._returned += own.shape[1]
        return mixed

    def _replaced(self, own: Audio, made: Audio) -> Audio:
        strength = np.float32(self._plan.strength)
        replaced: Audio = made if strength == 1 else own + strength * (made - own)
        return replaced

    def _at_level(self, audio: Audio) -> Audio:
        frames = np.arange(self._returned, self._returned + audio.shape[1])
        gain_db = self._level.at(frames * (self._plan.model_rate_hz / self._plan.sample_rate_hz))
        if not gain_db.any():
            return audio
        levelled: Audio = audio * (10 ** (self._plan.strength * gain_db / 20)).astype(np.float32)
        return levelled


def added(own: Audio, change: Audio, strength: float) -> Audio:
    """The frames with their change; those without one as they are, which for -0.0 is not the same as adding nothing."""
    is_changed = change != 0
    if not is_changed.any():
        return own
    mixed: Audio = np.where(is_changed, own + np.float32(strength) * change, own)
    return mixed


class LevelCurve:
    """The level of windows in dB, steady over each and fading where one gives way to the next."""

    def __init__(self, grid: WindowGrid) -> None:
        self._grid = grid
        self._levels: list[float] = []

    def extend(self, level_db: NDArray[np.float32]) -> None:
        """The levels of the next windows."""
        self._levels += [float(level) for level in level_db]

    def at(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """The level at frames of the model's rate, in rising order; none lies beyond the windows that are known."""
        if not frames.size:
            return np.zeros(0)
        hop, half = self._grid.hop_frames, self._grid.half_fade_frames
        first = max(int(frames[0]) // hop - 1, 0)
        levels = np.array(self._levels[first : int(frames[-1]) // hop + 2])
        bounds = (first + np.arange(1, levels.size)) * hop
        places = np.stack([bounds - half, bounds + half], axis=1).ravel()
        if not places.size:
            return np.full(frames.size, levels[0])
        return np.asarray(np.interp(frames, places, np.repeat(levels, 2)[1:-1]))


@dataclass(slots=True)
class Frames:
    """Frames that wait for their turn, in the blocks that they came in."""

    channels: int
    count: int = 0
    _blocks: deque[Audio] = field(default_factory=deque)

    def append(self, block: Audio) -> None:
        self._blocks.append(block)
        self.count += block.shape[1]

    def take(self, count: int) -> Audio:
        """The first `count` of them, which are there."""
        taken: list[Audio] = []
        missing = count
        while missing:
            block = self._blocks.popleft()
            taken.append(block[:, :missing])
            if block.shape[1] > missing:
                self._blocks.appendleft(block[:, missing:])
            missing -= taken[-1].shape[1]
        self.count -= count
        return joined(taken, self.channels)


def _way_back(plan: RunPlan) -> _Conversion:
    """What is added must be nothing where nothing was made; what replaces is never nothing."""
    kind = Resampler if plan.replaces else ChangeResampler
    return kind(plan.model_rate_hz, plan.sample_rate_hz, plan.channels)
