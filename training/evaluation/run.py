"""One evaluation: every item to every system, in any number of processes, and everything that is known in the end.

What always holds: all presets see the same items, in the same order of tables whatever the number of processes; and
what a run found out does not depend on when, where and how fast it ran.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rebounce.engine.onnx_runtime import share_cores
from rebounce.engine.workers import Failure, run_tasks
from rebounce.training.codecs import use_threads
from rebounce.training.evaluation.aggregate import Row, rows_of, summary_of
from rebounce.training.evaluation.bench import Bench
from rebounce.training.evaluation.groups import CLEAN, MIXED, Group, clean_group
from rebounce.training.evaluation.harm import Harm, harm_of
from rebounce.training.evaluation.systems import System, systems_of
from rebounce.training.evaluation.token_scores import Histogram, TokenRow, TokenUsage, token_rows, usage_of
from rebounce.training.evaluation.trial import Measured, Trial, measure
from rebounce.training.scores.summary import Summary
from rebounce.training.tracks import Track

MOST_MESSAGES = 3
"""How many failures of one preset are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is evaluated. `asked` is what was asked for, as plain data for the record; `items` counts per track."""

    tracks: tuple[Track, ...]
    groups: tuple[Group, ...]
    bench: Bench
    seed: int
    items: int
    harm_target: float
    asked: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One group with its rows; `undamaged` items drew no fault at all, and are left out. `tokens` need a codec."""

    group: Group
    tracks: int
    items: int
    undamaged: int
    rows: tuple[Row, ...]
    tokens: tuple[TokenRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that came of a plan. `problems` are sentences about what failed; with none of them all is well."""

    plan: Plan
    systems: tuple[System, ...]
    sections: tuple[Section, ...]
    summaries: Mapping[str, Summary | None]
    harms: tuple[Harm, ...]
    items: tuple[Measured, ...]
    problems: tuple[str, ...]
    usage: TokenUsage | None


def trials_of(plan: Plan) -> list[Trial]:
    """Every item, group after group; clean audio only where there is a preset to harm it."""
    groups = [*plan.groups, clean_group()] if plan.bench.presets else plan.groups
    return [
        Trial(track=track, group=group.name, exercise=group.exercise, seed=seed, bench=plan.bench)
        for group in groups
        for track in plan.tracks
        for seed in group.seeds(track, plan.seed, plan.items)
    ]


def trial_of(plan: Plan, item: Measured) -> Trial:
    """The trial that an item came from, to be made once more."""
    group = next(group for group in [*plan.groups, clean_group()] if group.name == item.group)
    return Trial(track=item.track, group=group.name, exercise=group.exercise, seed=item.seed, bench=plan.bench)


def evaluate(plan: Plan, processes: int, on_item: Callable[[str], None]) -> Evaluation:
    """Run the plan; `on_item` is told the name of each item once it is done."""
    measured: list[Measured] = []
    problems: list[str] = []
    counts: Histogram | None = None
    trials = trials_of(plan)
    sharing = partial(_share, min(processes, len(trials)), plan.bench.codec is not None)
    with closing(run_tasks(measure, trials, processes, sharing if processes > 1 else None)) as done:
        for trial, result in done:
            if isinstance(result, Failure):
                problems.append(_failed_item(trial, result))
            else:
                counts = _added(counts, result)
                measured.append(_without_histogram(result))
            on_item(f"{trial.group}: {trial.track.path.name}")
    return judged(plan, measured, problems, None if counts is None else usage_of(counts))


def _share(processes: int, has_codec: bool) -> None:
    """What each of several processes does once: keep to its part of the machine."""
    share_cores(processes)
    if has_codec:
        use_threads(1)


def judged(
    plan: Plan, measured: Sequence[Measured], problems: Sequence[str], usage: TokenUsage | None = None
) -> Evaluation:
    """What all the items of a plan come to; `usage` is that of the codec's tokens."""
    systems = systems_of(plan.bench)
    names, scores = [system.name for system in systems], plan.bench.scores
    faults = [item for item in measured if item.group != CLEAN]
    clean = [item for item in measured if item.group == CLEAN]
    single = [item for item in faults if item.group != MIXED]
    return Evaluation(
        plan=plan,
        systems=tuple(systems),
        sections=tuple(_section(plan, group, systems, faults) for group in plan.groups),
        summaries={
            system.name: summary_of([*single, *_audited(clean, system.name, plan)], system.name, scores, plan.seed)
            for system in systems
        },
        harms=tuple(harm_of(clean, preset.name, plan.harm_target) for preset in plan.bench.presets if clean),
        items=tuple(measured),
        problems=(*problems, *_failed_systems(measured, names)),
        usage=usage,
    )


def _added(counts: Histogram | None, item: Measured) -> Histogram | None:
    if item.tokens is None or item.tokens.histogram is None:
        return counts
    return item.tokens.histogram if counts is None else counts + item.tokens.histogram


def _without_histogram(item: Measured) -> Measured:
    return item if item.tokens is None else replace(item, tokens=replace(item.tokens, histogram=None))


def _audited(clean: Sequence[Measured], system: str, plan: Plan) -> Sequence[Measured]:
    """The clean items, for a preset; nobody else is asked whether it does harm."""
    return clean if any(preset.name == system for preset in plan.bench.presets) else ()


def _section(plan: Plan, group: Group, systems: Sequence[System], measured: Sequence[Measured]) -> Section:
    items = [item for item in measured if item.group == group.name]
    drawn = sum(1 for track in plan.tracks for _ in group.seeds(track, plan.seed, plan.items))
    return Section(
        group=group,
        tracks=len({item.track.sha256 for item in items}),
        items=len(items),
        undamaged=len(plan.tracks) * plan.items - drawn,
        rows=tuple(rows_of(items, systems, plan.bench.scores, plan.seed)),
        tokens=token_rows([item.track.sha256 for item in items], [item.tokens for item in items], plan.seed),
    )


def _failed_item(trial: Trial, failure: Failure) -> str:
    path = str(trial.track.path)
    where = "" if path in failure.message else f"{path}: "
    return f"{where}{failure.message} (item {trial.group}, seed {trial.seed}: left out for every system)"


def _failed_systems(measured: Sequence[Measured], names: Sequence[str]) -> list[str]:
    """One sentence for each of the first failures of a system, and how many more there are."""
    sentences = []
    for name in names:
        failed = [item for item in measured if name in item.outcomes and item.outcomes[name].is_failure]
        for item in failed[:MOST_MESSAGES]:
            message = item.outcomes[name].message
            sentences.append(f"{name} failed on {item.track.path} ({item.group}, seed {item.seed}): {message}")
        if len(failed) > MOST_MESSAGES:
            sentences.append(f"{name} failed on {len(failed) - MOST_MESSAGES} more items")
    return sentences
