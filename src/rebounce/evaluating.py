"""What `rebounce evaluate` does with its arguments: check everything first, then work, then tell."""

import json
import shutil
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from rebounce.cli_presets import find_preset
from rebounce.engine.errors import UsageError
from rebounce.engine.model_choice import ModelChoice, asked_for, ready_models
from rebounce.engine.staging import check_room
from rebounce.progress import Steps
from rebounce.training.codecs import CodecChoice, codec_choice, opened
from rebounce.training.evaluation.as_data import to_json
from rebounce.training.evaluation.bench import Bench, board_of, presets_under_test
from rebounce.training.evaluation.groups import Group, exercise_group, fault_groups, recipe_groups, stronger
from rebounce.training.evaluation.markdown import summary_line
from rebounce.training.evaluation.place import refuse_inside, taken
from rebounce.training.evaluation.plain_table import LEGEND, plain
from rebounce.training.evaluation.publish import INDEX_NAME, group_pages, names_written, publish
from rebounce.training.evaluation.room import room_needed
from rebounce.training.evaluation.run import Evaluation, Plan, evaluate, trials_of
from rebounce.training.evaluation.tables import across_table, harm_table, section_table, token_tables
from rebounce.training.evaluation.worth import worth_table
from rebounce.training.exercise import exercise_of_stage
from rebounce.training.recipes import load_curriculum, load_recipe
from rebounce.training.scores.registry import SCORES
from rebounce.training.tracks import Track, find_tracks, split_of

if TYPE_CHECKING:
    from rebounce.cli_evaluate import Arguments

DEFAULT_RECIPE = "readme"
STRONGER = "-stronger"
PIPED_WIDTH = 160


def run(arguments: "Arguments") -> int:
    """Evaluate what was asked for; returns the exit code."""
    if arguments.output is not None:
        refuse_inside(arguments.clean, arguments.output)
    choice = asked_for(arguments.model, arguments.device)
    groups, bench = _groups(arguments), _bench(arguments, choice)
    _check_models(bench, choice, arguments)
    with _output_taken(arguments, groups):
        return _run(arguments, groups, bench)


def _run(arguments: "Arguments", groups: list[Group], bench: Bench) -> int:
    """All the work, with everything checked but the tracks."""
    tracks, passed_over = _tracks(arguments)
    for sentence in passed_over:
        click.echo(f"passed over  {sentence}", err=True)
    if not tracks:
        return 1
    plan = Plan(
        tracks=tuple(tracks),
        groups=tuple(groups),
        bench=bench,
        seed=arguments.seed,
        items=arguments.items,
        harm_target=arguments.target / 100,
        asked=_asked(arguments, bench, passed_over),
    )
    if arguments.output is not None:
        check_room(arguments.output / INDEX_NAME, room_needed(plan, _kept(arguments)))
    evaluation, files = _published(_evaluated(plan, arguments), arguments)
    _tell(evaluation, files, arguments)
    if files and arguments.output is not None and not arguments.is_quiet:
        click.echo(f"written      {arguments.output / INDEX_NAME}", err=arguments.as_json)
    for sentence in evaluation.problems:
        click.echo(f"failed       {sentence}", err=True)
    return 1 if passed_over or evaluation.problems else 0


def _output_taken(arguments: "Arguments", groups: list[Group]) -> AbstractContextManager[object]:
    """The output folder for this run alone, from before the work on; nothing where none was asked for."""
    if arguments.output is None:
        return nullcontext()
    return taken(arguments.output, names_written([group.name for group in groups]), arguments.is_forced)


def _check_models(bench: Bench, choice: ModelChoice, arguments: "Arguments") -> None:
    """A model that no preset runs is refused, and one that cannot run; the device it gave way to is said once."""
    boards = [board_of(preset) for preset in bench.presets if choice.model is not None or preset.runs_model]
    choice.check(boards, arguments.presets)
    message = next((said for board in boards if (said := ready_models(board)) is not None), None)
    if message is not None and not arguments.is_quiet:
        click.echo(f"rebounce: {message}", err=True)


def _groups(arguments: "Arguments") -> list[Group]:
    """What is judged apart: faults, a recipe, or a stage."""
    if arguments.curriculum is None and arguments.stage is not None:
        raise UsageError("evaluate: --stage goes with --curriculum; name the curriculum, token-unet say")
    if arguments.curriculum is not None:
        return [_stage(arguments)]
    if arguments.faults and arguments.recipe is None:
        if arguments.is_stronger:
            raise UsageError("--stronger: a fault by itself has no stronger ranges; add --recipe or --curriculum")
        return fault_groups(arguments.faults)
    recipe = load_recipe(arguments.recipe or DEFAULT_RECIPE, arguments.allowed_plugins)
    recipe = stronger(recipe) if arguments.is_stronger else recipe
    return fault_groups(arguments.faults, recipe) if arguments.faults else recipe_groups(recipe)


def _stage(arguments: "Arguments") -> Group:
    if arguments.faults or arguments.recipe is not None:
        raise UsageError("evaluate: --curriculum excludes --fault and --recipe; keep one of them")
    if arguments.curriculum is None or arguments.stage is None:
        raise UsageError("evaluate: --curriculum needs --stage; name one of its stages, 3 say")
    stage = arguments.stage.removesuffix(STRONGER) + STRONGER if arguments.is_stronger else arguments.stage
    curriculum = load_curriculum(arguments.curriculum)
    return exercise_group(exercise_of_stage(curriculum, stage, arguments.allowed_plugins))


def _bench(arguments: "Arguments", choice: ModelChoice) -> Bench:
    """What every item goes through; presets and codec are loaded here once, so that what is wrong is said at once."""
    chosen = [(preset, find_preset(preset)) for preset in arguments.presets]
    codec = _codec(arguments)
    bench = Bench(
        presets=presets_under_test(chosen, arguments.allowed_plugins, choice),
        codec=codec,
        scores=_scores(arguments.scores),
        seconds=arguments.seconds,
    )
    if codec is not None:
        opened(codec)
    return bench


def _codec(arguments: "Arguments") -> CodecChoice | None:
    if arguments.codec is None and arguments.weights is None and arguments.bandwidth is None:
        return None
    bandwidth_kbps = None if arguments.bandwidth is None else float(arguments.bandwidth)
    return codec_choice(arguments.codec, arguments.weights, bandwidth_kbps)


def _scores(asked: str | None) -> tuple[str, ...]:
    """The scores by name, in printing order; without a wish all but the slow measures of speech."""
    if asked is None:
        return tuple(name for name, score in SCORES.items() if score.package is None)
    names = [name.strip() for name in asked.split(",") if name.strip()]
    if names == ["all"]:
        return tuple(SCORES)
    for name in names:
        if name not in SCORES:
            close = get_close_matches(name, SCORES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(SCORES)}"
            raise UsageError(f"--scores: expected names of scores with commas, or all, found {name!r}; {hint}")
    if not names:
        raise UsageError(f"--scores: expected names of scores with commas, or all, found none; {', '.join(SCORES)}")
    return tuple(name for name in SCORES if name in names)


def _tracks(arguments: "Arguments") -> tuple[list[Track], list[str]]:
    """The tracks of the split, no more than the limit, by path; and a sentence for each file that is passed over."""
    found = find_tracks(arguments.clean)
    tracks = [track for track in found.tracks if arguments.split in ("all", split_of(track.sha256))]
    if found.tracks and not tracks:
        counts = Counter(split_of(track.sha256) for track in found.tracks)
        there = ", ".join(f"{count} in {split}" for split, count in sorted(counts.items()))
        raise UsageError(f"--split {arguments.split}: none of the tracks is in it ({there}); choose another, or all")
    # By content, so that the choice stays when files are renamed, and no album comes before another.
    kept = sorted(tracks, key=lambda track: track.sha256)[: arguments.limit]
    for sentence in () if arguments.is_quiet else found.copies:
        click.echo(f"copy         {sentence}", err=True)
    return sorted(kept, key=lambda track: track.path), found.problems


def _asked(arguments: "Arguments", bench: Bench, passed_over: list[str]) -> dict[str, Any]:
    """What was asked for, for the record; nothing that does not change the numbers."""
    codec = opened(bench.codec) if bench.codec else None
    return {
        "clean": list(arguments.clean),
        "passed_over": passed_over,
        "split": arguments.split,
        "limit": arguments.limit,
        "seconds": bench.seconds,
        "items": arguments.items,
        "seed": arguments.seed,
        "target_percent": arguments.target,
        "presets": [
            {"name": preset.name, "source": preset.source, "sha256": preset.sha256, **json.loads(preset.chain)}
            for preset in bench.presets
        ],
        "codec": codec and {"id": codec.codec_id, "weights_sha256": codec.weights_sha256},
    }


def _evaluated(plan: Plan, arguments: "Arguments") -> Evaluation:
    begun_s = time.monotonic()
    count = len(trials_of(plan))
    with Steps(count, not arguments.is_quiet) as steps:
        evaluation = evaluate(plan, arguments.processes, steps.step)
    if arguments.is_verbose and count:
        took_s = time.monotonic() - begun_s
        click.echo(f"{count} items in {took_s:.1f} s, {took_s / count:.2f} s an item", err=True)
    return evaluation


def _kept(arguments: "Arguments") -> int:
    return 0 if arguments.has_no_audio else arguments.kept


def _published(evaluation: Evaluation, arguments: "Arguments") -> tuple[Evaluation, list[str]]:
    """Write the folder, where one was asked for; returns the evaluation with what failed of that, and the files."""
    output = arguments.output
    if output is None:
        return evaluation, []
    pages = group_pages(evaluation, output, _kept(arguments))
    with Steps(len(pages), not arguments.is_quiet) as steps:
        return publish(evaluation, output, pages, arguments.processes, steps.step)


def _tell(evaluation: Evaluation, files: list[str], arguments: "Arguments") -> None:
    """The tables in the terminal, or everything as JSON: what `evaluation.json` says."""
    if arguments.as_json:
        click.echo(to_json(evaluation, files))
        return
    if arguments.is_quiet:
        return
    width = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns if sys.stdout.isatty() else PIPED_WIDTH
    tables = [section_table(section, evaluation.plan.bench.scores) for section in evaluation.sections]
    across = across_table(evaluation)
    tables += [across] if across.rows else []
    tables += [harm_table(evaluation)] if evaluation.harms else []
    worth = worth_table(evaluation)
    tables += [worth] if worth.rows else []
    tables += token_tables(evaluation)
    click.echo(f"{summary_line(evaluation)}\n")
    for table in tables:
        click.echo(f"{plain(table, width, arguments.is_verbose)}\n")
    click.echo(LEGEND)
    for system in evaluation.systems:
        click.echo(f"  {system.name}: {system.about}")
