"""Writes restored files: the input's own samples where nothing was changed, dithered ones elsewhere, and its metadata.

What always holds: the result does not depend on the size of the blocks that are handed over; nothing is seen under the
final name before `publish`; leaving the `with` block without it removes every trace.
"""

from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.bext import BextLoudness
from rebounce.engine.outputs import Output, open_output
from rebounce.engine.pcm import GRID_FRAMES, Conversion, Samples, merge, unchanged
from rebounce.engine.sample_formats import check_container, depth_of
from rebounce.engine.source import Block, Source
from rebounce.engine.staging import Keeping, Staged, check_room, output_errors
from rebounce.engine.target import Target

# What is left at least of samples that are encoded; silence takes less still, and is never refused for its size.
LEAST_SHARES = {"FLAC": 0.1, "MP3": 0.02, "OGG": 0.01}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written: `clipped_samples` lay past full scale and were held there."""

    is_changed: bool
    clipped_samples: int
    frames: int
    messages: tuple[str, ...] = ()


class _Queue:
    """Arrays that wait, to be taken in other lengths than they came in; `axis` is that of the frames."""

    def __init__(self, axis: int) -> None:
        self._axis = axis
        self._arrays: deque[NDArray[Any]] = deque()
        self.frames = 0

    def push(self, array: NDArray[Any]) -> None:
        if array.shape[self._axis]:
            self._arrays.append(array)
            self.frames += array.shape[self._axis]

    def take(self, frames: int) -> NDArray[Any]:
        """The first `frames` of what waits; without a copy where one array holds exactly these."""
        taken = []
        missing = frames
        while missing:
            array = self._arrays.popleft()
            head, rest = np.split(array, [missing], axis=self._axis)
            taken.append(head)
            missing -= head.shape[self._axis]
            if rest.shape[self._axis]:
                self._arrays.appendleft(rest)
        self.frames -= frames
        return taken[0] if len(taken) == 1 else np.concatenate(taken, axis=self._axis)


class Sink:
    """One output. `write` its blocks, `finish` it, look at what was `Written`, then `publish` it or leave it."""

    def __init__(self, source: Source, target: Target, staged: Staged, output: Output) -> None:
        self._target = target
        self._staged = staged
        self._output = output
        self._frames_due = target.frames(source)
        self._bytes_needed = least_bytes(source, target)
        self._conversion = _conversion(source, target)
        self._has_originals = target.sample_rate_hz == source.info.sample_rate_hz
        self._originals = _Queue(axis=0)
        self._audio = _Queue(axis=1)
        self._frames = 0
        self._clipped = 0
        self._is_changed = not self._has_originals
        self._is_finished = False
        self.messages: list[str] = []

    def __enter__(self) -> "Sink":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._is_finished:
                self._output.discard()
        finally:
            self._staged.discard()

    @property
    def is_changed(self) -> bool:
        """True once a sample was written that is not the input's own."""
        return self._is_changed

    def write(self, block: Block | None, audio: Audio) -> None:
        """Take the next block as it was read, and the next audio `(channels, any)` as it was processed.

        They may differ in length: a chain holds frames back. `block` is None once the input has ended, and always
        where the sample rate changes.
        """
        if block is not None and block.is_untouched(audio):
            self.write_unchanged(block)
            return
        if block is not None and self._has_originals:
            self._originals.push(block.original)
        self._audio.push(audio)
        self._drain(GRID_FRAMES)

    def write_unchanged(self, block: Block) -> None:
        """Take a block in which nothing was changed; whole blocks of the grid are not even looked at."""
        is_on_grid = self._frames % GRID_FRAMES == 0 and block.frames % GRID_FRAMES == 0
        is_waiting = self._originals.frames or self._audio.frames
        if is_on_grid and not is_waiting and self._has_originals and self._conversion.keeps_all:
            self._store(unchanged(block.original, self._conversion))
            return
        if self._has_originals:
            self._originals.push(block.original)
        self._audio.push(block.audio)
        self._drain(GRID_FRAMES)

    def finish(self, loudness: BextLoudness | None = None) -> Written:
        """Write what waits and what follows the samples. `loudness` goes into `bext` where it has a place for it."""
        self._drain(1)
        waiting = self._audio.frames + self._originals.frames
        assert (self._frames, waiting) == (self._frames_due, 0), (self._frames, waiting, self._frames_due)
        with output_errors(self._target.path, self._bytes_needed):
            self._output.finish(loudness)
            self._staged.file.flush()
        self._is_finished = True
        return Written(
            is_changed=self._is_changed,
            clipped_samples=self._clipped,
            frames=self._frames,
            messages=tuple(self.messages),
        )

    def publish(self) -> list[str]:
        """Give the finished file its name; returns what could not be taken over from the input."""
        assert self._is_finished
        return self._staged.publish()

    def _drain(self, least_frames: int) -> None:
        """Store every block of the grid that is there, both as read and as processed."""
        while (ready := self._ready()) >= least_frames:
            frames = min(GRID_FRAMES, ready)
            original = self._originals.take(frames) if self._has_originals else None
            merged = merge(self._frames // GRID_FRAMES, original, self._audio.take(frames), self._conversion)
            self._is_changed = self._is_changed or merged.is_changed
            self._clipped += merged.clipped
            self._store(merged.samples)

    def _ready(self) -> int:
        return min(self._audio.frames, self._originals.frames) if self._has_originals else self._audio.frames

    def _store(self, samples: Samples) -> None:
        with output_errors(self._target.path, self._bytes_needed):
            self._output.write(samples)
        self._frames += samples.shape[0]


def open_sink(source: Source, target: Target) -> Sink:
    """Begin an output beside its final place; `source` must stay open until it is finished."""
    check_container(target.container, target.sample_rate_hz, source.info.channels, target.frames(source))
    bytes_needed = least_bytes(source, target)
    check_room(target.path, bytes_needed)
    staged = Staged(
        target.path,
        replaces=target.replaces,
        keeping=Keeping(source=source.info.path, keeps_mtime=target.keeps_mtime),
    )
    try:
        with output_errors(target.path, bytes_needed):
            output, messages = open_output(source, target, staged.file)
        sink = Sink(source, target, staged, output)
    except BaseException:
        staged.discard()
        raise
    sink.messages.extend(messages)
    return sink


def least_bytes(source: Source, target: Target) -> int:
    """How much room the samples of an output are sure to take."""
    frame_bytes = depth_of(target.subtype).sample_bytes * source.info.channels
    return int(target.frames(source) * frame_bytes * LEAST_SHARES.get(target.container, 1.0))


def _conversion(source: Source, target: Target) -> Conversion:
    old = source.container.format.bits if source.container else depth_of(source.info.subtype).bits
    return Conversion(
        source=source.info.subtype,
        source_bits=old,
        target=target.subtype,
        target_bits=target.stored(source).bits,
    )
