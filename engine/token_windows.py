"""The fixed windows that a model of tokens sees a stream through, and how what it makes of them is put together.

Window `i` covers the frames from `i * hop - context` on, `window` of them; what lies before the first frame of the
piece and after its last is zeros. The context on both sides is computed and thrown away, but for half a fade: around
each frame `i * hop` one window gives way to the next. Always true here: nothing depends on how the stream was cut.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rebounce.engine.audio import Audio, joined

FADE_SHARE = 4
"""A fade is as long as this part of the context: 2560 frames, 53 ms, for a context of 10,240."""


@dataclass(frozen=True, kw_only=True)
class WindowGrid:
    """Where windows begin and end, in frames; the hop and twice the context lie within the window."""

    window_frames: int
    hop_frames: int
    context_frames: int

    def __post_init__(self) -> None:
        assert 0 < self.hop_frames <= self.window_frames - 2 * self.context_frames, "windows leave no gaps"

    @property
    def half_fade_frames(self) -> int:
        """How far a fade reaches to each side of the frame it is around."""
        return min(self.context_frames // FADE_SHARE, self.hop_frames) // 2

    @cached_property
    def rise(self) -> Audio:
        """The part that the later window has, frame by frame of a fade."""
        places = (np.arange(2 * self.half_fade_frames) + 0.5) / max(2 * self.half_fade_frames, 1)
        return np.asarray(np.sin(np.pi / 2 * places) ** 2, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window `(channels, window_frames)`, and which of its frames are those of the piece."""

    audio: Audio
    first: int
    end: int

    @property
    def own(self) -> Audio:
        """The frames of the piece."""
        return self.audio[:, self.first : self.end]


class WindowCutter:
    """Cuts one piece into its windows: push `(channels, any)`, then finish."""

    def __init__(self, grid: WindowGrid, channels: int) -> None:
        self._grid = grid
        self._channels = channels
        self._queue = [self._zeros(grid.context_frames)]
        self._queued = grid.context_frames
        self._received = 0
        self._given = 0

    def push(self, audio: Audio) -> list[Window]:
        """Take the next frames; the windows that are whole now."""
        self._received += audio.shape[1]
        return self._cut(audio)

    def finish(self) -> list[Window]:
        """The windows that the end of the piece lies in."""
        rest: list[Window] = []
        while self._given * self._grid.hop_frames < self._received:
            rest += self._cut(self._zeros(max(self._grid.window_frames - self._queued, 0)))
        return rest

    def _cut(self, audio: Audio) -> list[Window]:
        grid = self._grid
        self._queued += audio.shape[1]
        if self._queued < grid.window_frames:
            self._queue.append(audio.copy())  # the caller may reuse its block
            return []
        waiting = joined([*self._queue, audio], self._channels)
        count = (self._queued - grid.window_frames) // grid.hop_frames + 1
        # A copy, so that a long array is not kept alive by its last few frames.
        self._queue = [waiting[:, count * grid.hop_frames :].copy()]
        self._queued = self._queue[0].shape[1]
        starts = range(0, count * grid.hop_frames, grid.hop_frames)
        return [self._window(waiting[:, start : start + grid.window_frames]) for start in starts]

    def _window(self, audio: Audio) -> Window:
        start = self._given * self._grid.hop_frames - self._grid.context_frames
        self._given += 1
        return Window(audio=audio, first=max(-start, 0), end=min(self._received - start, self._grid.window_frames))

    def _zeros(self, frames: int) -> Audio:
        return np.zeros((self._channels, frames), dtype=np.float32)


class WindowJoiner:
    """Puts windows `(channels, window_frames)` together again: push one after another, then finish."""

    def __init__(self, grid: WindowGrid, channels: int) -> None:
        self._grid = grid
        # What the last window has beyond its hop, as far as a fade reaches; for the first there is none before it.
        self._outgoing: Audio | None = None
        self._channels = channels

    def push(self, window: Audio) -> Audio:
        """Take the next window and return the frames that no later one changes."""
        half, begin = self._grid.half_fade_frames, self._grid.context_frames
        end = begin + self._grid.hop_frames
        if self._outgoing is None:
            ready = window[:, begin : end - half].copy()
        else:
            ready = window[:, begin - half : end - half].copy()
            rise = self._grid.rise
            ready[:, : rise.size] = self._outgoing * (1 - rise) + ready[:, : rise.size] * rise
        self._outgoing = window[:, end - half : end + half].copy()
        return ready

    def finish(self) -> Audio:
        """What the last window has up to the end of its hop."""
        if self._outgoing is None:
            return np.zeros((self._channels, 0), dtype=np.float32)
        return self._outgoing[:, : self._grid.half_fade_frames]
