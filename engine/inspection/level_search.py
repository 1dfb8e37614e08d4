"""Looks for jumps of the level in a whole file, and says of which it is sure.

A network proposes moments and heights, moments that sound alike measure how far the level moved between them, and all
of it together gives the sections their gains (see `level_network`, `level_repeats`, `level_sections`). Then each jump
is judged by what speaks for it (`level_evidence`); those that repeat in step are the music's (`level_patterns`), and so
are those that a fade explains as well (`level_fades`). What always holds: without a jump that is beyond doubt nothing
is proposed, less certain ones count only near it, for a level that was moved once was moved more often, and a gain on
the whole file changes nothing.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.level_bands import LevelBands, Levels
from rebounce.engine.inspection.level_evidence import measures
from rebounce.engine.inspection.level_fades import faded
from rebounce.engine.inspection.level_network import Network, bundled_network, jumps_seen
from rebounce.engine.inspection.level_patterns import repeated
from rebounce.engine.inspection.level_repeats import find_repeats
from rebounce.engine.inspection.level_sections import Jumps, fitted
from rebounce.engine.repair.level_course import LevelCourse

Floats = NDArray[np.float64]

DEFAULT_CERTAINTY = 0.963
# The longer a file, the more moments in it look like a jump by chance. The evidence was weighed on pieces as long as
# this.
COUNTED_S = 20.0
# So much of what speaks for a jump speaks for the next one for the same reason, and counts once.
SHARED_LOGIT = 1.1
# Only what is all but ruled out is dropped near a jump that is certain.
LEAST_CERTAINTY_NEARBY = 0.02
NEARBY_S = 12.0
SMALLEST_CERTAIN_JUMP_DB = 3.0
# The levels of a frame are those around this place in it.
FRAME_MIDDLE = 0.75
# How long a transition takes does not show at this resolution: about the middle of what is usual.
TRANSITION_MS = 150.0
# Keeps the logarithm of certainty finite.
TINY = 1e-9
# With fewer frames there is nothing to be compared.
FEWEST_FRAMES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The course of the level, flat where no jump is certain, and how likely the likeliest jump is.

    `suspected_db` and `suspected_at_s` are of that jump, certain or not; None where there is none at all.
    """

    course: LevelCourse
    likelihood: float = 0.0
    suspected_db: float | None = None
    suspected_at_s: float | None = None


class LevelSearch:
    """Sees blocks `(channels, any)`; a jump is certain from a likelihood of `certainty` on."""

    def __init__(self, sample_rate_hz: float, certainty: float = DEFAULT_CERTAINTY) -> None:
        self._bands = LevelBands(sample_rate_hz)
        self._certainty = certainty

    def see(self, block: Audio) -> None:
        self._bands.see(block)

    def sighting(self) -> Sighting:
        """After the last block."""
        levels = self._bands.levels()
        none = LevelCourse(seconds=round(self._bands.seconds, 3))
        if len(levels) < FEWEST_FRAMES or levels.max() == levels.min():
            return Sighting(course=none)
        found = find_jumps(levels, self._certainty, self._bands.frames_per_second)
        if found.likelihoods.size == 0:
            return Sighting(course=none)
        best = int(np.argmax(found.likelihoods))
        return Sighting(
            course=none if found.certain is None else self._course(*found.certain),
            likelihood=float(found.likelihoods[best]),
            suspected_db=round(float(found.heights_db[best]), 1),
            suspected_at_s=round(float(self._seconds_of(found.jumps.frames[best])), 2),
        )

    def _course(self, jumps: Jumps, gains_db: Floats) -> LevelCourse:
        middles_s = self._seconds_of(jumps.frames)
        starts_s = np.r_[0.0, np.maximum(middles_s - TRANSITION_MS / 2000, 0)]
        gains_db = gains_db - _longest_lasting_db(gains_db, np.diff(np.r_[0.0, middles_s, self._bands.seconds]))
        return LevelCourse(
            sections=tuple(
                (round(float(start_s), 3), round(float(gain_db), 2), TRANSITION_MS if number else 0.0)
                for number, (start_s, gain_db) in enumerate(zip(starts_s, gains_db, strict=True))
            ),
            seconds=round(self._bands.seconds, 3),
        )

    def _seconds_of(self, frames: NDArray[np.intp]) -> Floats:
        return np.asarray((frames + FRAME_MIDDLE) / self._bands.frames_per_second)


def search_level(blocks: Iterable[Audio], sample_rate_hz: float, certainty: float = DEFAULT_CERTAINTY) -> Sighting:
    """One pass over the file, `(channels, any)` a block."""
    search = LevelSearch(sample_rate_hz, certainty)
    for block in blocks:
        search.see(block)
    return search.sighting()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All jumps that may be one, with their heights and likelihoods; and those that count, with the gains between."""

    jumps: Jumps
    heights_db: Floats
    likelihoods: Floats
    certain: tuple[Jumps, Floats] | None


def find_jumps(levels: Levels, certainty: float, frames_per_second: float, network: Network | None = None) -> Found:
    """What there is in band levels `(frames, bands)`."""
    repeats = find_repeats(levels)
    jumps, gains_db = fitted(jumps_seen(levels, network or bundled_network()), repeats)
    heights_db = np.diff(gains_db)
    alone = _likelihoods(measures(jumps, gains_db, repeats))
    # What comes back in step is the music's own, whatever speaks for each jump of it.
    alone[repeated(jumps.frames, heights_db)] = 0.0
    nearby_frames = NEARBY_S * frames_per_second
    likelihoods = _together(alone, jumps.frames, nearby_frames)
    # What is beyond doubt was not made by a fade, which is never as steep as that.
    is_fade = (likelihoods < DEFAULT_CERTAINTY) & faded(jumps, gains_db, repeats)
    alone[is_fade] = likelihoods[is_fade] = 0.0
    likelihoods = _among(likelihoods, len(levels) / frames_per_second / COUNTED_S)
    is_proven = (np.abs(heights_db) >= SMALLEST_CERTAIN_JUMP_DB) & (likelihoods >= certainty)
    certain = None
    if is_proven.any():
        apart = np.abs(jumps.frames[:, None] - jumps.frames[is_proven]).min(axis=1)
        is_kept = (alone >= min(LEAST_CERTAINTY_NEARBY, certainty)) & (apart <= nearby_frames)
        certain = fitted(jumps.only(is_kept), repeats)
    return Found(jumps=jumps, heights_db=heights_db, likelihoods=likelihoods, certain=certain)


def _together(alone: Floats, frames: NDArray[np.intp], nearby_frames: float) -> Floats:
    """The likelihood of each jump with what the likeliest other one near it adds: both are of the same hand."""
    odds = np.clip(alone, TINY, 1 - TINY)
    logits = np.log(odds / (1 - odds))
    helps = np.maximum(logits, 0)
    together = logits.copy()
    for number, frame in enumerate(frames):
        is_other = (np.abs(frames - frame) <= nearby_frames) & (np.arange(frames.size) != number)
        if logits[number] > 0:
            together[number] += max(helps[is_other].max(initial=0.0) - SHARED_LOGIT, 0)
    return np.asarray(1 / (1 + np.exp(-together)))


def _among(likelihoods: Floats, chances: float) -> Floats:
    """The likelihoods in so many times as much music as they hold for; with less of it, they stay as they are.

    After Benjamini and Hochberg: the odds of the likeliest jump are divided by the chances, those of the second one by
    half as many and so on, and none gets less than one that was less likely.
    """
    if chances <= 1:
        return likelihoods
    order = np.argsort(-likelihoods)
    sure = np.minimum(likelihoods[order], 1 - TINY)
    odds = sure / (1 - sure) * np.minimum(np.arange(1, sure.size + 1) / chances, 1)
    odds = np.maximum.accumulate(odds[::-1])[::-1]
    corrected = np.empty_like(odds)
    corrected[order] = odds / (1 + odds)
    return corrected


def _likelihoods(measured: Floats) -> Floats:
    weights, offset = _evidence_weights()
    return np.asarray(1 / (1 + np.exp(-(measured @ weights + offset))))


@cache
def _evidence_weights() -> tuple[Floats, float]:
    text = files("rebounce.engine.inspection").joinpath("level_ride.json").read_text(encoding="utf-8")
    fit = json.loads(text)
    return np.asarray(fit["evidence_weights"]), float(fit["evidence_offset"])


def _longest_lasting_db(gains_db: Floats, lengths_s: Floats) -> float:
    """The gain of the section on both sides of which, in order of gain, lies half of the file."""
    order = np.argsort(gains_db)
    lasted_s = np.cumsum(lengths_s[order])
    return float(gains_db[order][np.searchsorted(lasted_s, lasted_s[-1] / 2)])
