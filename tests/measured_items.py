"""Items of an evaluation whose scores a test sets itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rebounce.training.damage import Applied
from rebounce.training.evaluation.trial import Measured, Outcome
from rebounce.training.tracks import Track

Score = float | None


def track(name: str) -> Track:
    """A track that is told from others by its name alone."""
    return Track(path=Path(f"{name}.wav"), sha256=name * 8, frames=441_000, sample_rate_hz=44_100, channels=2)


def scored(**scores: Score) -> Outcome:
    """Audio with these scores that is not the damaged input."""
    return Outcome(scores=scores, change_dbfs=-20.0)


def item(name: str, outcomes: Mapping[str, Outcome], group: str = "gain", seed: int = 0) -> Measured:
    """One item of the track of that name."""
    damage = () if group == "clean" else (Applied(fault=group, parameters={"gain_db": -6.0}),)
    return Measured(
        group=group, track=track(name), seed=seed, start_s=1.5, seconds=10.0, damage=damage, outcomes=outcomes
    )


def items(system: str, before: Sequence[Score], after: Sequence[Score], score: str = "snr_db") -> list[Measured]:
    """One item for each pair of values, each of a track of its own."""
    return [
        item(chr(97 + number), {"damaged": Outcome(scores={score: old}), system: scored(**{score: new})})
        for number, (old, new) in enumerate(zip(before, after, strict=True))
    ]
