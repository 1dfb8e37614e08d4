"""The one gain that brings a file to a loudness when a limiter stands behind it.

Limiting costs loudness, how much depends on the audio, so the gain is found by trying: each pass limits the whole file
and measures what comes out. What always holds: the gain that is returned was tried, and with it the limiter took no
more than its budget.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rebounce.engine.audio import Audio
from rebounce.engine.lookahead_limiter import METER_MARGIN_DB, LookaheadLimiter, limiter_timing
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.stream import Stream

# A step smaller than this is not worth another pass over the file.
SMALLEST_STEP_DB = 0.05
MOST_PASSES = 6

# How much loudness 1 dB more of gain brings while the limiter works: a guess for the first step, measured after it.
FIRST_SLOPE = 0.8
LEAST_SLOPE = 0.3

# The limiter reads peaks on a finer grid than the meter by which the first gain is reckoned; this much is left for it.
FIRST_RESERVE_DB = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A loudness, a ceiling, and how much the limiter may take off a peak on the way there."""

    lufs: float
    ceiling_dbtp: float
    budget_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one gain; `limiting_db` is the most that the limiter took."""

    gain_db: float
    lufs: float
    limiting_db: float


def find_gain(
    blocks: Iterable[Audio], sample_rate_hz: float, goal: Goal, *, lufs: float, true_peak_dbtp: float
) -> Trial:
    """The gain for blocks `(channels, any)` that measure `lufs` and `true_peak_dbtp` and can be walked repeatedly."""
    highest_db = highest_gain_db(goal, true_peak_dbtp)
    trial = try_gain(blocks, sample_rate_hz, min(goal.lufs - lufs, highest_db), goal.ceiling_dbtp)
    slope = FIRST_SLOPE
    for _ in range(MOST_PASSES):
        if trial.limiting_db > 0:
            # Every dB of gain costs the highest peak a dB, so the gain that uses up the budget is known exactly.
            highest_db = trial.gain_db + goal.budget_db - trial.limiting_db
        step_db = min((goal.lufs - trial.lufs) / slope, highest_db - trial.gain_db)
        if -SMALLEST_STEP_DB <= step_db <= SMALLEST_STEP_DB and highest_db >= trial.gain_db:
            break
        last, trial = trial, try_gain(blocks, sample_rate_hz, trial.gain_db + step_db, goal.ceiling_dbtp)
        slope = max(LEAST_SLOPE, (trial.lufs - last.lufs) / step_db)
    return trial


def highest_gain_db(goal: Goal, true_peak_dbtp: float) -> float:
    """The gain at which the highest peak needs the whole budget, with some reserve."""
    return goal.ceiling_dbtp + max(0.0, goal.budget_db - METER_MARGIN_DB - FIRST_RESERVE_DB) - true_peak_dbtp


def try_gain(blocks: Iterable[Audio], sample_rate_hz: float, gain_db: float, ceiling_dbtp: float) -> Trial:
    """Apply the gain, limit, and measure; the file is not silent."""
    limiter = LookaheadLimiter(sample_rate_hz, gain_db=gain_db, ceiling_dbtp=ceiling_dbtp)
    stream: Stream | None = None
    meter: LoudnessMeter | None = None
    for block in blocks:
        if stream is None or meter is None:
            stream = Stream(limiter, limiter_timing(sample_rate_hz), block.shape[0], "limiter")
            meter = LoudnessMeter(sample_rate_hz, block.shape[0])
        meter.add(stream.push(block))
    assert stream is not None, "what has a loudness has blocks"
    assert meter is not None
    meter.add(stream.finish())
    lufs = meter.integrated_lufs()
    assert lufs is not None, "what has a loudness keeps one when its peaks are turned down"
    return Trial(gain_db=gain_db, lufs=lufs, limiting_db=limiter.largest_reduction_db)
