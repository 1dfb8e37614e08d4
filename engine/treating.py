"""Treats one piece: detectors look, repairs are made one after another, and only what holds stays.

The detectors look at the piece. The first that proposes a repair has it made; what comes out is looked at by the same
detector and by those whose turn comes later, and the repair stays only if its fault is gone and nothing changed outside
its scope and no repair before it came undone. Then the next detector has its turn, with what it sees now.

Faults do not come in this order, and one may hide another: a jump of the level is hard to see under reverberation. So
those that had proposed nothing before the last repair look once more at what came out, and have their turns again.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rebounce.engine.audio import Audio
from rebounce.engine.errors import PluginError
from rebounce.engine.inspection.finding import LEFT, REDUCED, REMOVED, Diagnosis, Finding
from rebounce.engine.inspection.inspector import Detectors, Inspector, inspect
from rebounce.engine.passes import ChainRun, Spool
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.change_meter import ChangeMeter
from rebounce.engine.repair.rise_meter import RiseMeter
from rebounce.engine.repair.scope import Scope

MOST_CHANGE_OUTSIDE_DB = -50.0

NewSpool = Callable[[], Spool]
Diagnoses = Mapping[str, Diagnosis]


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What was done to one piece: the repairs in their order, all that was found, and why a repair did not stay."""

    repairs: tuple[Plugin, ...]
    findings: tuple[Finding, ...]
    refusals: tuple[str, ...]


class Treating:
    """One piece on its way; `spool` holds what there is of it so far, None until a repair stays."""

    def __init__(
        self, source: Iterable[Audio], sample_rate_hz: float, channels: int, detectors: Detectors, new_spool: NewSpool
    ) -> None:
        self._rate = sample_rate_hz
        self._channels = channels
        self._detectors = detectors
        self._new_spool = new_spool
        self._audio = source
        self.spool: Spool | None = None

    def treat(self, strength: float) -> Treatment:
        """Give every detector its turn; a repair at less than full strength need not take its whole fault away."""
        first = self._round(list(self._detectors), strength)
        again = first.to_look_again() if strength == 1 else []
        if not again:
            return first.treatment()
        return first.followed_by(self._round(again, strength, standing=list(first.repairs))).treatment()

    def _round(self, names: list[str], strength: float, standing: Sequence[str] = ()) -> "_Round":
        """Let some detectors look at what there is by now, and have their turns; what stands must not come undone."""
        made = _Round()
        said: Diagnoses = inspect(
            self._audio, self._rate, self._channels, {name: self._detectors[name] for name in names}
        )
        for turn, name in enumerate(names):
            diagnosis, action = said[name], None
            if diagnosis.repair is not None:
                repair = diagnosis.repair.at_strength(strength)
                repaired = [*standing, *made.repairs]
                attempt = self._attempt(repair, [*repaired, *names[turn:]])
                refusal = attempt.refusal(name, repaired, is_full=strength == 1)
                if refusal is None:
                    self._take(attempt.spool)
                    made.repairs[name] = repair
                    said = {**said, **attempt.said}
                else:
                    attempt.spool.discard()
                    made.refusals[name] = f"{repair.name}: {refusal}: left as it was"
                    action = LEFT
            made.findings[name] = [
                replace(found, action=action or _action(found, strength)) for found in diagnosis.findings
            ]
        return made

    def _attempt(self, repair: Plugin, looking: list[str]) -> "_Attempt":
        """Make a repair, with detectors and a meter looking at what comes out."""
        scope = repair.scope(self._rate)
        attempt = _Attempt(self._new_spool(), scope)
        change = ChangeMeter(scope, self._rate, self._channels)
        rise = RiseMeter(self._rate, self._channels)
        with Inspector(self._rate, self._channels, {name: self._detectors[name] for name in looking}) as inspector:
            try:
                for before, after in _in_pairs(repair, self._audio, self._rate, self._channels):
                    for meter in (change, rise):
                        meter.before(before)
                        meter.after(after)
                    inspector.see(after)
                    attempt.spool.write(after)
            except PluginError as problem:
                attempt.failure = str(problem)
                return attempt
            attempt.said = inspector.diagnoses()
        attempt.outside_db, attempt.rise_db = change.outside_db(), rise.largest_db()
        return attempt

    def _take(self, spool: Spool) -> None:
        """Go on with what an attempt made."""
        if self.spool is not None:
            self.spool.discard()
        self._audio = self.spool = spool


@dataclass(slots=True)
class _Round:
    """What came of one round, by detector: repairs in the order in which they were made."""

    repairs: dict[str, Plugin] = field(default_factory=dict)
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    def to_look_again(self) -> list[str]:
        """The detectors that had nothing to propose before the last repair was made."""
        names = list(self.findings)
        before = names[: max((names.index(name) for name in self.repairs), default=0)]
        return [name for name in before if name not in self.repairs and name not in self.refusals]

    def followed_by(self, later: "_Round") -> "_Round":
        """Both rounds: a detector that proposed something in the later one has found that, and not what it left."""
        proposed = {name: later.findings[name] for name in (*later.repairs, *later.refusals)}
        return _Round(
            repairs=self.repairs | later.repairs,
            findings=self.findings | proposed,
            refusals=self.refusals | later.refusals,
        )

    def treatment(self) -> Treatment:
        findings = tuple(found for those in self.findings.values() for found in those)
        return Treatment(
            repairs=tuple(self.repairs.values()), findings=findings, refusals=tuple(self.refusals.values())
        )


class _Attempt:
    """A repair that was made and not yet believed."""

    def __init__(self, spool: Spool, scope: Scope) -> None:
        self.spool = spool
        self._most_rise_db = math.inf if scope.most_rise_db is None else scope.most_rise_db
        self.said: Diagnoses = {}
        self.outside_db = self.rise_db = 0.0
        self.failure: str | None = None

    def refusal(self, name: str, standing: Iterable[str], is_full: bool) -> str | None:
        """Why it must not stay, beside the repairs of `standing` detectors; None where it may.

        Repairs that are not made in full leave some of each fault, which proves nothing.
        """
        if self.failure is not None:
            return f"failed ({self.failure})"
        if self.outside_db > MOST_CHANGE_OUTSIDE_DB:
            return f"would have changed what is not wrong (by {self.outside_db:.0f} dB)"
        if self.rise_db > self._most_rise_db:
            return f"would have turned up what was only to be softer (by {self.rise_db:.1f} dB)"
        if is_full and self.said[name].repair is not None:
            return "did not take the fault away"
        if is_full and any(self.said[other].repair is not None for other in standing):
            return "would have brought back what another repair took away"
        return None


def _action(found: Finding, strength: float) -> str:
    """What a repair does at part of its strength is less than taking away."""
    return REDUCED if found.action == REMOVED and strength < 1 else found.action


def _in_pairs(
    repair: Plugin, source: Iterable[Audio], sample_rate_hz: float, channels: int
) -> Iterable[tuple[Audio, Audio]]:
    """Each block, and what came out when it went in; at the end what was held back, with no block beside it."""
    run = ChainRun([repair], sample_rate_hz, channels)
    for block in source:
        yield block, run.push(block)
    rest = run.finish()
    yield rest[:, :0], rest
