"""The one streaming core: any plugin, any block size, the same samples out.

A plugin declares its `Timing` and makes a kernel for a run. The core cuts the audio on a grid that is fixed from frame
0, hands the kernel one window after another, compensates latency, feeds zeros at the end until everything held back has
come out, and trims to the exact length. What always holds: frames out == frames in, and the output does not depend on
how the caller cut the input.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rebounce.engine.audio import Audio, joined
from rebounce.engine.errors import PluginError

GRID_FRAMES = 8192

# Zeros fed at the end before a plugin that gives nothing back counts as stuck: a minute at 48 kHz.
LONGEST_TAIL_FRAMES = 2_880_000

Kernel = Callable[[Audio], Audio]
"""Takes `(channels, before + block + after)`, returns the block in the middle, or fewer if it holds some back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How a plugin wants its audio cut, and how far its output lags.

    `before_frames` and `after_frames` are context: handed over, computed and thrown away, which is the cure for seams.
    `takes_many` says that several whole blocks may come in one call, where there is no context.
    """

    block_frames: int = GRID_FRAMES
    latency_frames: int = 0
    before_frames: int = 0
    after_frames: int = 0
    takes_many: bool = False

    @property
    def window_frames(self) -> int:
        return self.before_frames + self.block_frames + self.after_frames

    @property
    def lookahead_frames(self) -> int:
        """How many frames of input an output frame waits for, the grid apart."""
        return self.latency_frames + self.after_frames


class Run(Protocol):
    """One piece of audio on its way through: push its blocks, then finish; exactly as many frames come back."""

    def push(self, audio: Audio) -> Audio: ...

    def finish(self) -> Audio: ...


class Stream:
    """One run of one kernel over one piece of audio."""

    def __init__(self, kernel: Kernel, timing: Timing, channels: int, name: str) -> None:
        assert not (timing.takes_many and timing.before_frames + timing.after_frames), (
            "context and takes_many exclude each other"
        )
        self._kernel = kernel
        self._timing = timing
        self._channels = channels
        self._name = name
        self._queue = [self._zeros(timing.before_frames)]
        self._queued = timing.before_frames
        self._to_drop = timing.latency_frames
        self._received = 0
        self._returned = 0

    def push(self, audio: Audio) -> Audio:
        """Take `(channels, any)` and return what is ready."""
        self._received += audio.shape[1]
        return joined(self._run(audio), self._channels)

    def finish(self) -> Audio:
        """Feed zeros until as many frames have come out as went in, and return the rest."""
        rest: list[Audio] = []
        fed = 0
        while self._returned < self._received:
            if fed > LONGEST_TAIL_FRAMES:
                missing = self._received - self._returned
                raise PluginError(
                    f"{self._name}: expected {self._received} frames back, but {missing} never came out although "
                    f"{fed} frames of silence were fed after the end; the plugin cannot be streamed, "
                    "so take it out of the chain"
                )
            short = self._timing.window_frames - self._queued
            fed += short
            rest.extend(self._run(self._zeros(short)))
        return joined(rest, self._channels)

    def _run(self, audio: Audio) -> list[Audio]:
        """Queue the audio, and hand the kernel every window that is whole."""
        timing = self._timing
        self._queued += audio.shape[1]
        if self._queued < timing.window_frames:
            self._queue.append(audio.copy())  # the caller may reuse its block
            return []
        waiting = joined([*self._queue, audio], self._channels)
        blocks = (self._queued - timing.window_frames) // timing.block_frames + 1
        at_once = blocks if timing.takes_many else 1
        ready: list[Audio] = []
        for first in range(0, blocks, at_once):
            start = first * timing.block_frames
            ready.append(
                self._trim(
                    self._kernel(waiting[:, start : start + timing.window_frames + (at_once - 1) * timing.block_frames])
                )
            )
        rest = waiting[:, blocks * timing.block_frames :]
        # A copy, for the same reason, and so that a long array is not kept alive by its last few frames.
        self._queue = [rest.copy()]
        self._queued = rest.shape[1]
        return ready

    def _trim(self, block: Audio) -> Audio:
        """Drop the latency at the start and what lies past the end."""
        drop = min(self._to_drop, block.shape[1])
        self._to_drop -= drop
        kept = block[:, drop : drop + self._received - self._returned]
        self._returned += kept.shape[1]
        return kept

    def _zeros(self, frames: int) -> Audio:
        return np.zeros((self._channels, frames), dtype=np.float32)
