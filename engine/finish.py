"""The last stage: one gain for the whole file, towards a loudness or a peak, and a true-peak ceiling that holds.

What always holds: the gain is constant; the limiter takes no more than its budget, else the gain is lowered until it
does and the record says how much is missing; a file that is where it should be leaves bit-identical.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from rebounce.engine.audio import Audio, is_one_shot
from rebounce.engine.errors import ChainError, UnsupportedAudio
from rebounce.engine.lookahead_limiter import METER_MARGIN_DB, NEAR_CEILING, LookaheadLimiter, limiter_timing
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.loudness_search import Goal, find_gain, highest_gain_db
from rebounce.engine.parameters import Choice, Number, OptionalChoice, OptionalNumber
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Kernel, Timing
from rebounce.engine.true_peak import TruePeakMeter, to_db


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a kind of delivery asks for."""

    lufs: float
    ceiling_dbtp: float


PROFILES = {
    "streaming": Profile(lufs=-14.0, ceiling_dbtp=-1.0),
    "podcast": Profile(lufs=-16.0, ceiling_dbtp=-1.0),
    "loud": Profile(lufs=-9.0, ceiling_dbtp=-1.0),
    "broadcast": Profile(lufs=-23.0, ceiling_dbtp=-1.0),  # EBU R 128
    "film": Profile(lufs=-27.0, ceiling_dbtp=-2.0),
}
DEFAULT_PROFILE = "streaming"
DEFAULT_PEAK_DB = -1.0

# Layouts whose channels' places, and so their weights in the loudness, are certain.
MEASURABLE_CHANNELS = (1, 2, 6)

# A gain below this is none.
SMALLEST_GAIN_DB = 0.05
REACHED_WITHIN_LU = 0.1

# A peak that measures this far below the ceiling is one that the limiter, which reads the curve more finely and aims
# below the ceiling, leaves alone for certain. Nearer ones are left to it, in one call as block after block.
SAFE_DB = METER_MARGIN_DB - 20 * math.log10(NEAR_CEILING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """What was measured and decided, at full strength.

    None is what cannot be known: levels of silence, the loudness of less than 0.4 s, and what a limiter did to audio
    that could be walked only once.
    """

    lufs: float | None = None
    sample_peak_db: float | None = None
    true_peak_dbtp: float | None = None
    gain_db: float = 0.0
    limiting_db: float = 0.0
    lufs_after: float | None = None
    reached: bool | None = None
    decided_for: str = ""


class Finish(Plugin):
    """Brings a file to a loudness (`target="lufs"`), a sample peak (`"peak"`) or a true peak (`"true_peak"`).

    `level_db` is that target: LUFS, dBFS or dBTP; None means that of the profile, or -1 dB for the two peaks.
    `ceiling_dbtp` and `limiter_budget_db` count for loudness only: a peak target needs no limiter. What is given beside
    a profile wins over it. `strength` scales gain and limiting in dB. The measured gain belongs to the parameters it
    was measured with: after changing one, call `analyse` again.
    """

    needs_analysis = True
    analysis_type = Finishing
    analysis: Finishing | None

    target = Choice("lufs", "peak", "true_peak")
    level_db = OptionalNumber(-70.0, 0.0)
    ceiling_dbtp = OptionalNumber(-20.0, 0.0)
    limiter_budget_db = Number(0.0, 24.0)
    profile = OptionalChoice(*PROFILES)
    strength = Number(0.0, 1.0)

    def __init__(
        self,
        *,
        target: str = "lufs",
        level_db: float | None = None,
        ceiling_dbtp: float | None = None,
        limiter_budget_db: float = 3.0,
        profile: str | None = None,
        strength: float = 1.0,
    ) -> None:
        super().__init__(
            target=target,
            level_db=level_db,
            ceiling_dbtp=ceiling_dbtp,
            limiter_budget_db=limiter_budget_db,
            profile=profile,
            strength=strength,
        )
        if profile is not None and target != "lufs":
            raise ChainError(
                f"Finish: found profile = {profile!r} with target = {target!r}, but profiles are loudness targets; "
                'leave the profile out, or set target = "lufs"'
            )

    @property
    def goal_db(self) -> float:
        """The level asked for, in the target's own unit."""
        if self.level_db is not None:
            return self.level_db
        return self._profile.lufs if self.target == "lufs" else DEFAULT_PEAK_DB

    @property
    def goal_ceiling_dbtp(self) -> float:
        """The ceiling asked for."""
        return self._profile.ceiling_dbtp if self.ceiling_dbtp is None else self.ceiling_dbtp

    @property
    def _profile(self) -> Profile:
        return PROFILES[self.profile or DEFAULT_PROFILE]

    def asked(self) -> str:
        """What a decision is made for; with another one it must be made anew."""
        return f"{self.target} {self.goal_db:g} under {self.goal_ceiling_dbtp:g}, budget {self.limiter_budget_db:g}"

    def wants_analysis(self) -> bool:
        is_for_something_else = self.analysis is not None and self.analysis.decided_for != self.asked()
        return super().wants_analysis() or (is_for_something_else and not self.is_identity())

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Finishing:
        return replace(self._decision(blocks, sample_rate_hz), decided_for=self.asked())

    def _decision(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Finishing:
        found = self._meters(blocks, sample_rate_hz)
        if self.target == "lufs":
            return self._towards_loudness(found, blocks, sample_rate_hz)
        peak_db = found.sample_peak_db if self.target == "peak" else found.true_peak_dbtp
        if peak_db is None:
            return found
        gain_db = _unless_tiny(self.goal_db - peak_db)
        return replace(found, gain_db=gain_db, reached=True, lufs_after=_raised(found.lufs, gain_db))

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is None:
            may_limit = self.target == "lufs"
            return limiter_timing(sample_rate_hz) if may_limit else Timing(takes_many=True)
        return limiter_timing(sample_rate_hz) if self._limits(self.analysis) else Timing(takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        assert self.analysis is not None, "a run that needs an analysis has one"
        gain_db = self.strength * self.analysis.gain_db
        if self._limits(self.analysis):
            ceiling_dbtp = self._ceiling_at_strength(self.analysis)
            return LookaheadLimiter(sample_rate_hz, gain_db=gain_db, ceiling_dbtp=ceiling_dbtp)
        if gain_db == 0:
            return lambda block: block
        gain = np.float32(10 ** (gain_db / 20))
        return lambda block: block * gain

    def notes(self) -> list[str]:
        return [describe(self.analysis, self)] if self.analysis is not None else []

    def _meters(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Finishing:
        """The levels of the whole file, and no decision yet."""
        loudness: LoudnessMeter | None = None
        peaks: TruePeakMeter | None = None
        for block in blocks:
            if loudness is None or peaks is None:
                self._check_channels(block.shape[0])
                loudness, peaks = LoudnessMeter(sample_rate_hz, block.shape[0]), TruePeakMeter(block.shape[0])
            loudness.add(block)
            peaks.add(block)
        if loudness is None or peaks is None:
            return Finishing()
        return Finishing(
            lufs=loudness.integrated_lufs(), sample_peak_db=to_db(peaks.sample_peak), true_peak_dbtp=peaks.dbtp()
        )

    def _check_channels(self, channels: int) -> None:
        if self.target == "lufs" and channels not in MEASURABLE_CHANNELS:
            raise UnsupportedAudio(
                f"Finish: expected 1, 2 or 6 channels for a loudness target, got {channels}; what each channel counts "
                'depends on where its loudspeaker stands, which is not known here. Set target = "true_peak" or "peak", '
                "or take Finish out of the chain"
            )

    def _towards_loudness(self, found: Finishing, blocks: Iterable[Audio], sample_rate_hz: float) -> Finishing:
        """The decision for a loudness: plain gain where it does, else the limiter within its budget."""
        if found.lufs is None or found.true_peak_dbtp is None:
            return found
        gain_db = _unless_tiny(self.goal_db - found.lufs)
        highest_plain_db = self.goal_ceiling_dbtp - SAFE_DB - found.true_peak_dbtp
        if self.limiter_budget_db <= METER_MARGIN_DB:
            gain_db = min(gain_db, highest_plain_db)
        is_fine_already = gain_db == 0 and found.true_peak_dbtp <= self.goal_ceiling_dbtp
        if gain_db <= highest_plain_db or is_fine_already:
            return self._decided(found, gain_db, 0.0, found.lufs + gain_db)
        goal = Goal(lufs=self.goal_db, ceiling_dbtp=self.goal_ceiling_dbtp, budget_db=self.limiter_budget_db)
        if is_one_shot(blocks):
            gain_db = min(gain_db, highest_gain_db(goal, found.true_peak_dbtp))
            limiting_db = max(0.0, found.true_peak_dbtp + gain_db - self.goal_ceiling_dbtp + METER_MARGIN_DB)
            return self._decided(found, gain_db, limiting_db, None)
        trial = find_gain(blocks, sample_rate_hz, goal, lufs=found.lufs, true_peak_dbtp=found.true_peak_dbtp)
        return self._decided(found, trial.gain_db, trial.limiting_db, trial.lufs)

    def _decided(self, found: Finishing, gain_db: float, limiting_db: float, lufs_after: float | None) -> Finishing:
        reached = None if lufs_after is None else abs(lufs_after - self.goal_db) <= REACHED_WITHIN_LU
        return replace(found, gain_db=gain_db, limiting_db=limiting_db, lufs_after=lufs_after, reached=reached)

    def _ceiling_at_strength(self, found: Finishing) -> float:
        """The ceiling; at less than full strength, only that part of the way down to it from the file's own peak."""
        assert found.true_peak_dbtp is not None, "what is limited is not silent"
        way_down_db = self.strength * (self.goal_ceiling_dbtp - found.true_peak_dbtp)
        return max(self.goal_ceiling_dbtp, found.true_peak_dbtp + way_down_db)

    def _limits(self, found: Finishing) -> bool:
        if found.true_peak_dbtp is None:
            return False
        if self._is_pinned and self.target == "lufs" and found.gain_db:
            return True  # this may be other audio than was analysed, and the ceiling holds for any
        if not found.limiting_db:
            return False
        return found.true_peak_dbtp + self.strength * found.gain_db > self._ceiling_at_strength(found) - SAFE_DB


def describe(found: Finishing, finish: Finish) -> str:
    """What was done, in one sentence."""
    unit = {"lufs": "LUFS", "peak": "dBFS", "true_peak": "dBTP"}[finish.target]
    goal = f"{finish.goal_db:.1f} {unit}"
    if found.true_peak_dbtp is None:
        return "silence: left alone"
    if finish.target == "lufs" and found.lufs is None:
        return "its loudness cannot be measured (silence, or shorter than 0.4 s): left alone"
    if not found.gain_db and not found.limiting_db:
        return f"{goal} already: left alone"
    gain_db = finish.strength * found.gain_db
    moved = f"turned {'down' if gain_db < 0 else 'up'} by {abs(gain_db):.1f} dB"
    if finish.strength < 1:
        return f"{moved}, {100 * finish.strength:.0f}% of the way to {goal}"
    limited = f", peaks limited by up to {found.limiting_db:.1f} dB" if found.limiting_db else ""
    return moved + (f" to {goal}{limited}" if found.reached else _shortfall(found, finish, limited))


def _shortfall(found: Finishing, finish: Finish, limited: str) -> str:
    """The end of the sentence where the loudness was not reached, or is not known."""
    if found.lufs_after is None:
        return (
            f" towards {finish.goal_db:.1f} LUFS{limited}; the audio could be walked only once, so what the limiter "
            "took off the loudness was not measured and not made up for"
        )
    return (
        f" to {found.lufs_after:.1f} LUFS{limited}: {finish.goal_db - found.lufs_after:.1f} LU short of "
        f"{finish.goal_db:.1f} LUFS, as the limiter may take no more than {finish.limiter_budget_db:g} dB off a peak"
    )


def _unless_tiny(gain_db: float) -> float:
    return 0.0 if abs(gain_db) < SMALLEST_GAIN_DB else gain_db


def _raised(lufs: float | None, gain_db: float) -> float | None:
    return None if lufs is None else lufs + gain_db
