"""The few items of a group that are kept to be heard and seen: which, and all their versions made once more.

What always holds: an item is a function of its track and seed, so that what is heard is what was scored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rebounce.engine.audio import Audio
from rebounce.training.evaluation.aggregate import improvement
from rebounce.training.evaluation.bench import DAMAGED, ORIGINAL
from rebounce.training.evaluation.groups import CLEAN
from rebounce.training.evaluation.run import Plan, trial_of
from rebounce.training.evaluation.systems import Missing
from rebounce.training.evaluation.trial import Measured, Trial, is_same, outputs, pair_of
from rebounce.training.scores.registry import SCORES
from rebounce.training.scores.summary import NEEDED, repair_of
from rebounce.training.scores.summary import Outcome as SummaryItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An item that is shown: `place` is "worst", "median", "best" or a number between; `why` says of what."""

    place: str
    why: str
    trial: Trial
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of an item: the clean audio, or what a system made of it; `twins` gave the very same bits."""

    name: str
    audio: Audio
    twins: tuple[str, ...] = ()


def kept_items(plan: Plan, items: Sequence[Measured], group: str, count: int) -> list[Kept]:
    """So many items of a group from the worst to the best, spaced evenly: of three, the one between is the median."""
    found = [item for item in items if item.group == group]
    if group == CLEAN:
        return _most_changed(plan, found, count)
    ranked, why = _ranked(plan, found)
    return [
        Kept(
            place=_place_name(number, len(ranked)),
            why=why,
            trial=trial_of(plan, ranked[number]),
            measured=ranked[number],
        )
        for number in _spaced(len(ranked), count)
    ]


def versions(trial: Trial) -> list[Version]:
    """The clean audio and every version that there is of it, each once."""
    pair = pair_of(trial)
    found = [Version(name=ORIGINAL, audio=pair.clean)]
    for name, output in outputs(trial, pair):
        if isinstance(output, Missing) or (trial.group == CLEAN and name == DAMAGED):
            continue
        same = next((place for place, known in enumerate(found) if is_same(known.audio, output)), None)
        if same is None:
            found.append(Version(name=name, audio=output))
        else:
            found[same] = replace(found[same], twins=(*found[same].twins, name))
    return found


def _most_changed(plan: Plan, items: Sequence[Measured], count: int) -> list[Kept]:
    """Clean audio that a preset changed, and most of all: one excerpt for each preset."""
    kept: dict[tuple[str, int], Kept] = {}
    for preset in plan.bench.presets:
        changes = [(item.outcomes[preset.name].change_dbfs, item) for item in items]
        known = [(change, item) for change, item in changes if change is not None]
        if known:
            item = max(known, key=lambda pair: pair[0])[1]
            key = (item.track.sha256, item.seed)
            why = "where each preset changed clean audio most"
            kept.setdefault(key, Kept(place=preset.name, why=why, trial=trial_of(plan, item), measured=item))
    return list(kept.values())[:count]


def _ranked(plan: Plan, items: Sequence[Measured]) -> tuple[list[Measured], str]:
    """The items from worst to best, and by what: what the presets repaired, or without one how damaged they are."""
    presets = [preset.name for preset in plan.bench.presets]
    first = plan.bench.scores[0]
    if not presets:
        why, values = f"the {SCORES[first].title}", [_goodness(item, first) for item in items]
    elif set(NEEDED) <= set(plan.bench.scores):
        why = "the share of the damage that the presets took away"
        values = [_mean(_repair(item, preset) for preset in presets) for item in items]
    else:
        why = f"what the presets gained in {SCORES[first].title}"
        values = [_mean(_gain(item, preset, first) for preset in presets) for item in items]
    known = [(value, item) for value, item in zip(values, items, strict=True) if value is not None]
    order = sorted(known, key=lambda pair: (pair[0], pair[1].track.path, pair[1].seed))
    return [item for _, item in order], why


def _goodness(item: Measured, score: str) -> float | None:
    value = item.outcomes[DAMAGED].scores.get(score)
    return None if value is None else improvement(score, 0.0, value)


def _repair(item: Measured, preset: str) -> float | None:
    if not item.outcomes[preset].is_there:
        return None
    damaged, restored = (item.outcomes[name].scores for name in (DAMAGED, preset))
    return repair_of(SummaryItem(fault=item.group, damaged=damaged, restored=restored)).score


def _gain(item: Measured, preset: str, score: str) -> float | None:
    before, after = (item.outcomes[name].scores.get(score) for name in (DAMAGED, preset))
    return None if before is None or after is None else improvement(score, before, after)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _spaced(length: int, count: int) -> list[int]:
    """So many places from the first to the last; the middle one where only one is wanted."""
    if count == 1 or length <= 1:
        return [length // 2] if count and length else []
    return sorted({round(step * (length - 1) / (count - 1)) for step in range(count)}) if count else []


def _place_name(number: int, length: int) -> str:
    names = {length // 2: "median", length - 1: "best", 0: "worst"}
    return "only" if length == 1 else names.get(number, f"{number + 1} of {length}")
