"""Dynamics squeezed by a compressor or flattened by a limiter, seen in the levels of the piece alone.

A limiter leaves many peaks at one height, and nothing flat. A compressor leaves levels that hardly move and above them
the attacks that it came too late for. Which settings it had cannot be told from the mix (measured: the threshold to
1.5 dB at best, ratio and times not at all), but need not be: one cautious inverse gives a part back of most of what
mixes are compressed with, and where the levels leave no doubt that there was compression it lost on no piece of 48 (on
all pieces alike it does, by up to 10 dB). Only there a repair is proposed. Much music is compressed by intent: that is
told and left.
"""

import math
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import LEFT, REDUCED, Diagnosis, Finding
from rebounce.engine.inspection.level_figures import (
    Ceiling,
    Spread,
    ceiling_of,
    crest_db_of,
    loudness_range_lu,
    pumping_hz_of,
    spreads_of,
)
from rebounce.engine.inspection.short_levels import STEPS_PER_SECOND, ShortLevels, Steps
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.repair.compressor_inverse import Gains, LinkedInverse, Settings
from rebounce.engine.repair.undo_compression import UndoCompression

# Limited music had 1.1 % of its steps at the ceiling or more (99 in 100 pieces), other music less than 0.5 % (as many).
# Of the steps within 0.5 dB 0.5 to 0.8 stood there; fewer do under a soft clipper (0.4 at most), all of them on a tone.
LEAST_SHARE, LEAST_COUNT = 0.01, 8
SHARPNESS = (0.45, 0.93)
MOST_FLAT_SHARE = 0.3

# Logistic regression of "was compressed" on the logarithms of body, overshoot and range, over 86 pieces as they were,
# compressed, limited, clipped, with level jumps and with an equaliser: right for 9 of 10 pairs of pieces.
OFFSET, BODY, OVERSHOOT, RANGE = 1.95, -1.31, 2.05, -1.63
SMALLEST_DB = 0.1
LEAST_SCORE = 0.85
# Of 418 stretches of 12 to 30 s of tuning music as it was released the highest had 2.5, of 486 with another fault 2.3;
# shorter ones reach 3.4. Of compressed ones a quarter have more.
SURE_SCORE = 3.4
# What was compressed has figures in these ranges: noise, tones and single clicks have not. What has less of one than
# any compressed music is no music, and not named either.
SURE_BODY_DB, SURE_OVERSHOOT_DB, SURE_RANGE_DB = (1.2, 8.0), (2.0, 14.0), (0.5, 6.0)
LEAST_BODY_DB, LEAST_OVERSHOOT_DB, LEAST_RANGE_DB = 1.0, 1.5, 0.4
SHORTEST_REPAIRED_S = 11.0

# Settings that lost on none of these: the threshold from the level of the piece, the ratio lower than most in use.
UNDER_LEVEL_DB, RATIO, ATTACK_MS, RELEASE_MS, RANGE_DB = 3.0, 3.0, 8.0, 150.0, 40.0
# What it opens must still fit below full scale; the level is foreseen to a decibel.
HIGHEST_PEAK_DBFS = -1.0
SOFTEST_REPAIRED_DBFS = -80.0

# Where sound sets in, the inverse takes its time: after a faster compressor it would swallow the first moments. These
# come after the first step, and are held against what follows once all has settled; so it was in 4 of 18 pieces.
RESTING_DB, RESTING_STEPS = -25.0, 20
FIRST_STEPS, SETTLED_STEPS = (1, 6), (30, 130)
PARTS_PER_STEP = 10
SWALLOWED_DB = 3.0


class DynamicsDetector:
    """Names limiting and compression, and proposes to undo compression that leaves no doubt."""

    name: ClassVar[str] = "dynamics"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._levels = ShortLevels(sample_rate_hz)
        self._loudness = LoudnessMeter(sample_rate_hz, channels)

    def see(self, block: Audio) -> None:
        self._levels.see(block)
        self._loudness.add(block)

    def diagnose(self) -> Diagnosis:
        steps = self._levels.steps()
        ceiling = ceiling_of(steps)
        if ceiling is None:
            return Diagnosis()
        seen = {"crest_db": round(crest_db_of(steps), 1)}
        loudness_range = loudness_range_lu(self._loudness.hop_powers())
        if loudness_range is not None:
            seen["loudness_range_lu"] = round(loudness_range, 1)
        findings = [_limiting(ceiling, seen)] if _is_limited(ceiling) else []
        spreads = spreads_of(steps)
        score = float(np.median([_score(spread) for spread in spreads])) if spreads else -math.inf
        if score < LEAST_SCORE or findings or not _is_music(_middle(spreads)):
            return Diagnosis(findings=tuple(findings))
        repair = proposed_repair(steps) if _is_sure(score, spreads, steps) else None
        return Diagnosis(findings=(_compression(score, spreads, steps, seen, repair),), repair=repair)


def _is_limited(ceiling: Ceiling) -> bool:
    return (
        ceiling.share >= LEAST_SHARE
        and ceiling.count >= LEAST_COUNT
        and SHARPNESS[0] <= ceiling.sharpness <= SHARPNESS[1]
        and ceiling.flat_share < MOST_FLAT_SHARE
    )


def _limiting(ceiling: Ceiling, seen: dict[str, float]) -> Finding:
    confidence = min(0.98, 0.6 + 0.55 * math.log10(ceiling.share / LEAST_SHARE))
    detail = {"ceiling_dbfs": round(ceiling.dbfs, 2), "at_ceiling_percent": round(100 * ceiling.share, 1), **seen}
    return Finding(fault="limiting", confidence=confidence, detail=detail, action=LEFT)


def _score(spread: Spread) -> float:
    body, overshoot, level_range = (
        math.log(max(value, SMALLEST_DB)) for value in (spread.body_db, spread.overshoot_db, spread.range_db)
    )
    return OFFSET + BODY * body + OVERSHOOT * overshoot + RANGE * level_range


def _middle(spreads: list[Spread]) -> Spread:
    body_db, overshoot_db, range_db = np.median([(s.body_db, s.overshoot_db, s.range_db) for s in spreads], axis=0)
    return Spread(body_db=float(body_db), overshoot_db=float(overshoot_db), range_db=float(range_db))


def _is_music(middle: Spread) -> bool:
    return (
        middle.body_db >= LEAST_BODY_DB
        and middle.overshoot_db >= LEAST_OVERSHOOT_DB
        and middle.range_db >= LEAST_RANGE_DB
    )


def _is_sure(score: float, spreads: list[Spread], steps: Steps) -> bool:
    middle = _middle(spreads)
    return (
        score > SURE_SCORE
        and SURE_BODY_DB[0] <= middle.body_db <= SURE_BODY_DB[1]
        and SURE_OVERSHOOT_DB[0] <= middle.overshoot_db <= SURE_OVERSHOOT_DB[1]
        and SURE_RANGE_DB[0] <= middle.range_db <= SURE_RANGE_DB[1]
        and steps.peaks.size >= SHORTEST_REPAIRED_S * STEPS_PER_SECOND
    )


def _compression(
    score: float, spreads: list[Spread], steps: Steps, seen: dict[str, float], repair: UndoCompression | None
) -> Finding:
    middle, pumping_hz = _middle(spreads), pumping_hz_of(steps)
    detail = {**seen, "level_range_db": round(middle.range_db, 1), "overshoot_db": round(middle.overshoot_db, 1)}
    if pumping_hz is not None:
        detail["pumping_hz"] = round(pumping_hz, 2)
    action = LEFT if repair is None else REDUCED
    return Finding(fault="compression", confidence=1 / (1 + math.exp(-score)), detail=detail, action=action)


def proposed_repair(steps: Steps) -> UndoCompression | None:
    """The cautious inverse at the level of this piece, turned down so that it becomes no louder and still fits."""
    level_db = 10 * math.log10(max(float(steps.powers.mean()), 1e-60))
    if level_db < SOFTEST_REPAIRED_DBFS:
        return None
    threshold_db = level_db - UNDER_LEVEL_DB
    # The inverse at the rate of the steps foresees the gain well enough to keep the level.
    settings = Settings(
        threshold_db=threshold_db, ratio=RATIO, attack_ms=ATTACK_MS, release_ms=RELEASE_MS, range_db=RANGE_DB
    )
    inverse = LinkedInverse(STEPS_PER_SECOND, settings)
    held: Audio = np.float32(10) ** (steps.held_db[np.newaxis] / np.float32(20))
    gains_db = inverse.gains_db(held)
    if gains_db is None:
        return None
    louder_db = 10 * math.log10((steps.powers * 10 ** (gains_db / 10)).mean()) - level_db
    peaks_dbfs = 20 * np.log10(np.maximum(steps.peaks, 1e-30)) + gains_db
    highest_dbfs = max(HIGHEST_PEAK_DBFS, 20 * math.log10(steps.peaks.max()))
    turned_down_db = max(louder_db, float(peaks_dbfs.max()) - highest_dbfs)
    powers_db = 10 * np.log10(np.maximum(steps.powers, 1e-60))
    if any(
        _is_swallowed(powers_db, powers_db + gains_db, _gains_from(steps, settings, onset), onset)
        for onset in _onsets(steps, level_db)
    ):
        return None
    return UndoCompression(
        threshold_db=round(threshold_db - turned_down_db, 1),
        ratio=RATIO,
        attack_ms=ATTACK_MS,
        release_ms=RELEASE_MS,
        makeup_db=round(turned_down_db, 1),
        range_db=RANGE_DB,
    )


def _onsets(steps: Steps, level_db: float) -> list[int]:
    """The steps at which sound sets in after rest; the first of all is one if it sounds."""
    sounds = steps.powers > 10 ** ((level_db + RESTING_DB) / 10)
    heard = np.concatenate([[0], np.cumsum(sounds)])
    before = np.maximum(np.arange(sounds.size) - RESTING_STEPS, 0)
    return np.flatnonzero(sounds & (heard[:-1] == heard[before])).tolist()


def _is_swallowed(powers_db: Gains, opened_db: Gains, first_gains_db: Gains, onset: int) -> bool:
    """Whether the inverse makes the first moments softer than what follows, which they were not."""
    first, settled = (slice(onset + begin, onset + end) for begin, end in (FIRST_STEPS, SETTLED_STEPS))
    if powers_db[settled].size == 0:
        return False
    fall_db = np.median(powers_db[settled]) - np.median(powers_db[first])
    opened_fall_db = np.median(opened_db[settled]) - np.median(powers_db[first] + first_gains_db)
    return bool(opened_fall_db > max(fall_db, 0.0) + SWALLOWED_DB)


def _gains_from(steps: Steps, settings: Settings, onset: int) -> Gains:
    """Those of the first steps, from rest, finer than steps."""
    held_db = np.repeat(steps.held_db[onset : onset + FIRST_STEPS[1]], PARTS_PER_STEP)
    held: Audio = np.float32(10) ** (held_db[np.newaxis] / np.float32(20))
    gains_db = LinkedInverse(STEPS_PER_SECOND * PARTS_PER_STEP, settings).gains_db(held)
    if gains_db is None:
        gains_db = np.zeros(held_db.size)
    return np.asarray(gains_db.reshape(-1, PARTS_PER_STEP).mean(axis=1)[FIRST_STEPS[0] :])
