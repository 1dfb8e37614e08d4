"""The passes over one file: the analyses, then the writing, and once more where the first result would clip.

What always holds: every pass reads the input, or a spool, from its beginning; nothing is under the final name before
all of it is right; and what was left in the output folder on the way is gone at the end.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from rebounce import __version__
from rebounce.engine.audio import Audio
from rebounce.engine.bext import BextLoudness
from rebounce.engine.board import Board, NewSpool
from rebounce.engine.clipping_rule import Overs, Try, next_try
from rebounce.engine.file_spool import FileSpool, Spools, spool_bytes
from rebounce.engine.job import Job
from rebounce.engine.meters import Level, Meters, NoMeters
from rebounce.engine.output_plan import plan_output
from rebounce.engine.passes import ChainRun, run_through
from rebounce.engine.pcm import GRID_FRAMES
from rebounce.engine.plugin import Plugin
from rebounce.engine.record import RESTORED, UNCHANGED
from rebounce.engine.sample_formats import LOSSY_SUBTYPES
from rebounce.engine.sink import Sink, Written, open_sink
from rebounce.engine.source import AudioInfo, Block, Source
from rebounce.engine.staging import check_room, copy_unchanged, part_path
from rebounce.engine.target import Target

Progress = Callable[[float], None]
BeforePublish = Callable[[Path, Path], None]
"""Told the final place of a result, and the file that holds its bytes until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one file."""

    status: str
    output: Path
    level_in: Level
    level_out: Level
    clipped_samples: int
    messages: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """The fields of the record that this decides."""
        levels = (self.level_in.lufs, self.level_out.lufs)
        return {
            "status": self.status,
            "output": str(self.output),
            "lufs_in": levels[0],
            "lufs_out": levels[1],
            "true_peak_in_dbtp": self.level_in.true_peak_dbtp,
            "true_peak_out_dbtp": self.level_out.true_peak_dbtp,
            "level_change_db": None if levels[0] is None or levels[1] is None else levels[1] - levels[0],
            "clipped_samples": self.clipped_samples,
        }


class Walk:
    """The input's audio, to be walked as often as a pass needs it, at the rate the chain runs at."""

    def __init__(self, source: Source, sample_rate_hz: int, on_block: Callable[[], None]) -> None:
        self.source = source
        self.sample_rate_hz = sample_rate_hz
        self._on_block = on_block

    @property
    def is_resampled(self) -> bool:
        return self.sample_rate_hz != self.source.info.sample_rate_hz

    def __iter__(self) -> Iterator[Audio]:
        if not self.is_resampled:
            return self._blocks()
        from rebounce.engine.resampling import resample_blocks  # its transforms take long to import, and few ask for it

        info = self.source.info
        return resample_blocks(self._blocks(), info.sample_rate_hz, self.sample_rate_hz, info.frames)

    def _blocks(self) -> Iterator[Audio]:
        for block in self.source.blocks():
            self._on_block()
            yield block.audio


class FilePasses:
    """All passes over one file."""

    def __init__(
        self, job: Job, board: Board, source: Source, on_progress: Progress, before_publish: BeforePublish
    ) -> None:
        info = source.info
        self._before_publish = before_publish
        self._job = job
        self._board = board
        self._source = source
        self._plan = plan_output(info, job.options)
        self._steps = _Steps(info.frames, board.analyses() + 1, on_progress)
        self._walk = Walk(source, self._plan.sample_rate_hz, self._steps.count)

    def run(self) -> Done:
        """Restore the file, or copy it when nothing had to be changed."""
        done = self._run()
        self._steps.finish()
        return done

    def _run(self) -> Done:
        if self._board.is_identity() and not self._plan.converts:
            return self._copied(self._level_of_input())
        info = self._source.info
        check_room(self._job.target, self._spool_bytes())
        with Spools(self._job.target, info.channels, self._steps.count) as spools:
            if self._board.treats():
                stages, audio = self._treated(partial(self._one_pass_more, spools))
            else:
                rate_hz = self._plan.sample_rate_hz
                stages, audio = self._board.settle(self._walk, rate_hz, info.channels, spools.new_spool)
            if audio is self._walk and all(stage.is_identity() for stage in stages) and not self._plan.converts:
                return self._copied(self._level_of_input())
            return self._written(stages, audio)

    def _spool_bytes(self) -> int:
        """The most that spools may take, at the higher of the two rates."""
        if not self._board.needs_spool():
            return 0
        info = self._source.info
        ratio = max(1.0, self._plan.sample_rate_hz / info.sample_rate_hz)
        return spool_bytes(math.ceil(info.frames * ratio), info.channels, tries=int(self._board.treats()))

    def _treated(self, new_spool: NewSpool) -> tuple[list[Plugin], Iterable[Audio]]:
        """A chain that looks for faults sees the samples as they are in the file; another rate comes after it."""
        info, rate_hz = self._source.info, self._plan.sample_rate_hz
        if not self._walk.is_resampled:
            return self._board.settle(self._walk, rate_hz, info.channels, new_spool)
        walk = Walk(self._source, info.sample_rate_hz, self._steps.count)
        stages, audio = self._board.settle(walk, info.sample_rate_hz, info.channels, new_spool)
        return [], _Resampled(stages, audio, info, rate_hz)

    def _one_pass_more(self, spools: Spools) -> FileSpool:
        """A spool for a repair that is tried, which nobody could foresee."""
        self._steps.add_pass()
        return spools.new_spool()

    def _written(self, stages: list[Plugin], audio: Iterable[Audio]) -> Done:
        """Write, and write again where the first result would clip; the input itself where no sample was changed."""
        attempt: Try | None = Try(subtype=self._plan.subtype)
        while attempt is not None:
            with open_sink(self._source, self._target(attempt)) as sink:
                reading = self._pump([*stages, *attempt.stages], audio, sink)
                written = sink.finish(reading.bext_loudness())
                overs, clip_mode = self._overs(written, reading), self._job.options.clip_mode
                following = next_try(attempt, overs, clip_mode, self._plan.container)
                if following is None and (written.is_changed or self._plan.converts):
                    return self._delivered(sink, written, reading, attempt)
                attempt = following
        # Only here, where nothing is staged any more: the copy is staged under the same name.
        return self._copied(reading.level_in())

    def _pump(self, stages: list[Plugin], audio: Iterable[Audio], sink: Sink) -> "_Reading":
        """The last pass: from input or spool through the remaining stages into the sink, meters on both ends."""
        info = self._source.info
        reading = _Reading(self._job.options.has_meters, info, self._plan.sample_rate_hz)
        run = ChainRun(stages, self._plan.sample_rate_hz, info.channels)
        for block, ready in self._in_step(audio):
            processed = run.push(ready) if ready is not None else _no_frames(info.channels)
            reading.add(block, processed)
            sink.write(block, processed)
        rest = run.finish()
        reading.add(None, rest)
        sink.write(None, rest)
        return reading

    def _in_step(self, audio: Iterable[Audio]) -> Iterator[tuple[Block | None, Audio | None]]:
        """Each block as it was read beside the audio that goes into the chain, the same array where the two are one."""
        if audio is self._walk and not self._walk.is_resampled:
            for block in self._source.blocks():
                self._steps.count()
                yield block, block.audio
        else:
            yield from zip_longest(self._source.blocks(), audio)

    def _target(self, attempt: Try) -> Target:
        return Target(
            path=self._job.target,
            container=self._plan.container,
            subtype=attempt.subtype,
            sample_rate_hz=self._plan.sample_rate_hz,
            maker=f"rebounce {__version__};{self._job.preset}",
            replaces=self._job.is_forced,
            keeps_mtime=self._job.options.keep_mtime,
        )

    def _overs(self, written: Written, reading: "_Reading") -> Overs:
        return Overs(
            clipped_samples=written.clipped_samples,
            peak=reading.peak_out,
            input_peak=reading.peak_in,
            may_be_float=self._source.info.container in LOSSY_SUBTYPES and self._job.options.bit_depth == "keep",
        )

    def _delivered(self, sink: Sink, written: Written, reading: "_Reading", attempt: Try) -> Done:
        """Publish what was written."""
        self._before_publish(self._job.target, part_path(self._job.target))
        messages = [
            *attempt.messages,
            *_held(written.clipped_samples),
            *written.messages,
            *self._board.notes(),
            *sink.publish(),
        ]
        return Done(
            status=RESTORED,
            output=self._job.target,
            level_in=reading.level_in(),
            level_out=reading.level_out(),
            clipped_samples=written.clipped_samples,
            messages=tuple(messages),
        )

    def _copied(self, level: Level) -> Done:
        """The input itself, byte for byte, where it is not there already."""
        target, options = self._job.copy_target, self._job.options
        messages = list(self._board.notes())
        if not (os.path.exists(target) and target.samefile(self._job.source)):
            self._before_publish(target, self._job.source)
            messages += copy_unchanged(
                self._job.source, target, replaces=self._job.is_forced, keeps_mtime=options.keep_mtime
            )
        return Done(
            status=UNCHANGED,
            output=target,
            level_in=level,
            level_out=level,
            clipped_samples=0,
            messages=tuple(messages),
        )

    def _level_of_input(self) -> Level:
        """Read the input once: for the meters, and to be sure that it can be read to its end."""
        reading = _Reading(self._job.options.has_meters, self._source.info, self._plan.sample_rate_hz)
        for block in self._source.blocks():
            self._steps.count()
            reading.add(block, block.audio[:, :0])
        return reading.level_in()


def _held(clipped_samples: int) -> list[str]:
    """What is said of samples that were cut off."""
    return [f"{clipped_samples} samples lay past full scale and were cut off there"] if clipped_samples else []


class _Resampled:
    """What comes out of the stages, at another rate; to be walked as often as wanted."""

    def __init__(self, stages: list[Plugin], audio: Iterable[Audio], info: AudioInfo, rate_hz: int) -> None:
        self._stages = stages
        self._audio = audio
        self._info = info
        self._rate_hz = rate_hz

    def __iter__(self) -> Iterator[Audio]:
        from rebounce.engine.resampling import resample_blocks

        info = self._info
        made = run_through(self._stages, self._audio, info.sample_rate_hz, info.channels)
        return resample_blocks(made, info.sample_rate_hz, self._rate_hz, info.frames)


class _Reading:
    """What the meters say of the input and of the result, as both stream by."""

    def __init__(self, has_meters: bool, info: AudioInfo, sample_rate_hz: int) -> None:
        self._in = Meters(info.sample_rate_hz, info.channels) if has_meters else NoMeters()
        self._out = Meters(sample_rate_hz, info.channels) if has_meters else NoMeters()
        self.peak_in = 0.0
        self.peak_out = 0.0

    def add(self, block: Block | None, processed: Audio) -> None:
        if block is not None:
            self._in.add(block.audio)
            self.peak_in = max(self.peak_in, _peak(block.audio))
        self._out.add(processed)
        self.peak_out = max(self.peak_out, _peak(processed))

    def level_in(self) -> Level:
        return self._in.level()

    def level_out(self) -> Level:
        return self._out.level()

    def bext_loudness(self) -> BextLoudness | None:
        level = self.level_out()
        return BextLoudness(integrated_lufs=level.lufs, true_peak_dbtp=level.true_peak_dbtp)


class _Steps:
    """Counts blocks over all passes and tells the fraction that is done."""

    def __init__(self, frames: int, passes: int, on_progress: Progress) -> None:
        self._blocks = -(-frames // GRID_FRAMES)
        self._total = max(1, passes * self._blocks)
        self._done = 0
        self._told = 0.0
        self._on_progress = on_progress

    def count(self) -> None:
        self._done += 1
        # With a pass more than was foreseen it stands still for a while, and never goes back.
        self._told = max(self._told, min(self._done / self._total, 1.0))
        self._on_progress(self._told)

    def add_pass(self) -> None:
        """There will be another one."""
        self._total += self._blocks

    def finish(self) -> None:
        """Everything is done, though it may have taken fewer steps than were foreseen."""
        self._on_progress(1.0)


def _peak(audio: Audio) -> float:
    return float(max(audio.max(), -audio.min())) if audio.size else 0.0


def _no_frames(channels: int) -> Audio:
    return np.zeros((channels, 0), dtype=np.float32)
