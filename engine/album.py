"""One level change for all files of a batch, so that the songs of an album keep their balance.

Every file is run through the chain once, up to its `Finish`, and only measured. The album's loudness is that of all
files one after another; the gain is the one that brings it to the target, or as near as the limiter's budget allows in
the file that needs it most. Each file is then restored with that gain.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.board import Board
from rebounce.engine.clipping_rule import full_scale_gain
from rebounce.engine.errors import RebounceError
from rebounce.engine.file_passes import Walk
from rebounce.engine.file_spool import Spools
from rebounce.engine.finish import Finish, Finishing
from rebounce.engine.job import Job
from rebounce.engine.loudness import LoudnessMeter, gated_lufs
from rebounce.engine.output_plan import plan_output
from rebounce.engine.passes import run_through
from rebounce.engine.sample_formats import depth_of
from rebounce.engine.source import open_source
from rebounce.engine.true_peak import TruePeakMeter, to_db


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one file is before the level change. `clips_at` is the gain it must have in order not to clip."""

    hop_powers: NDArray[np.float64]
    sample_peak: float
    true_peak: float
    clips_at: float


def album_board(board: Board, jobs: Sequence[Job]) -> tuple[Board, list[str]]:
    """The chain with one level change for all of these files, and what is to be said about it."""
    place = _finish_place(board)
    front = board if place is None else board[:place]
    heard = [found for job in jobs if (found := _hear(front, job)) is not None]
    if not heard:
        return board, []
    if place is None:
        return _within_full_scale(board, heard)
    return _finished(board, place, heard)


def _finish_place(board: Board) -> int | None:
    """Where the last `Finish` of the chain is."""
    places = [index for index, plugin in enumerate(board) if isinstance(plugin, Finish)]
    return places[-1] if places else None


def _hear(front: Board, job: Job) -> Heard | None:
    """Run one file through the chain and measure; None for a file that cannot be read, which its own run will say."""
    try:
        with open_source(job.source) as source, Spools(job.target, source.info.channels) as spools:
            channels, plan = source.info.channels, plan_output(source.info, job.options)
            walk = Walk(source, plan.sample_rate_hz, lambda: None)
            stages, audio = front.settle(walk, plan.sample_rate_hz, channels, spools.new_spool)
            blocks = run_through(stages, audio, plan.sample_rate_hz, channels)
            bits = None if depth_of(plan.subtype).is_float else depth_of(plan.subtype).bits
            return _measured(blocks, plan.sample_rate_hz, channels, bits)
    except (RebounceError, OSError):
        return None


def _measured(blocks: Iterable[Any], sample_rate_hz: int, channels: int, bits: int | None) -> Heard:
    loudness, peaks = LoudnessMeter(sample_rate_hz, channels), TruePeakMeter(channels)
    for block in blocks:
        loudness.add(block)
        peaks.add(block)
    clips = bits is not None and peaks.sample_peak > 1
    return Heard(
        hop_powers=loudness.hop_powers(),
        sample_peak=peaks.sample_peak,
        true_peak=peaks.peak,
        clips_at=full_scale_gain(peaks.sample_peak, bits) if clips and bits is not None else 1.0,
    )


def _within_full_scale(board: Board, heard: list[Heard]) -> tuple[Board, list[str]]:
    """Without a level target only clipping can ask for a change: the gain of the file that needs most, for all."""
    gain_db = 20 * math.log10(min(found.clips_at for found in heard))
    if gain_db == 0:
        return board, []
    table = board.settings()
    table["chain"].append({"plugin": "Gain", "gain_db": math.floor(gain_db * 100) / 100})
    return Board.from_dict(table), [f"album: all files were turned down by {-gain_db:.2f} dB so that none clips"]


def _finished(board: Board, place: int, heard: list[Heard]) -> tuple[Board, list[str]]:
    """The chain with the album's gain as the analysis of its `Finish`."""
    finish: Finish = board[place]
    lufs = gated_lufs(np.concatenate([found.hop_powers for found in heard]))
    sample_peak_db = to_db(max(found.sample_peak for found in heard))
    true_peak_dbtp = to_db(max(found.true_peak for found in heard))
    level = {"lufs": lufs, "peak": sample_peak_db, "true_peak": true_peak_dbtp}[finish.target]
    wanted_db = 0.0 if level is None else finish.goal_db - level
    gain_db, limiting_db = wanted_db, 0.0
    if finish.target == "lufs" and true_peak_dbtp is not None:
        gain_db = min(wanted_db, finish.goal_ceiling_dbtp + finish.limiter_budget_db - true_peak_dbtp)
        limiting_db = max(0.0, true_peak_dbtp + gain_db - finish.goal_ceiling_dbtp)
    finish = Finish.from_dict(finish.settings())
    finish.analysis = Finishing(
        lufs=lufs,
        sample_peak_db=sample_peak_db,
        true_peak_dbtp=true_peak_dbtp,
        gain_db=gain_db,
        limiting_db=limiting_db,
        lufs_after=None if lufs is None else lufs + gain_db,
        reached=gain_db == wanted_db,
        decided_for=finish.asked(),
    )
    finish.keep_analysis()
    return Board([*board[:place], finish, *board[place + 1 :]]), [
        f"album: one gain of {gain_db:+.2f} dB for {len(heard)} files"
    ]
