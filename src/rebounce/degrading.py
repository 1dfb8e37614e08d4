"""What `rebounce degrade` does with its arguments: check everything first, then work, then tell."""

import json
import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebounce.engine import wording
from rebounce.engine.batch_plan import IGNORES_CASE
from rebounce.engine.errors import UsageError
from rebounce.engine.workers import Failure, run_tasks
from rebounce.progress import Say, Steps, say_plainly
from rebounce.training.audio_files import AudioFile, expanded, find_audio_files
from rebounce.training.degrade import Done, degrade
from rebounce.training.exercise import Exercise, exercise_of_fault, exercise_of_recipe, exercise_of_stage
from rebounce.training.pair_storage import Wish
from rebounce.training.pair_task import CLEAN_FOLDER, DAMAGED_FOLDER, PairSettings, Task
from rebounce.training.recipes import load_curriculum, load_recipe
from rebounce.training.tracks import no_audio

if TYPE_CHECKING:
    from rebounce.cli_degrade import Arguments

DEFAULT_RECIPE = "readme"
STRONGER = "-stronger"


def run(arguments: "Arguments") -> int:
    """Damage everything that was asked for; returns the exit code."""
    settings = _settings(arguments)
    _refuse_output_inside(arguments.inputs, arguments.output)
    files, problems = find_audio_files(arguments.inputs)
    if not files and not problems:
        raise no_audio(arguments.inputs)
    tasks = [task for file in files for task in _tasks(file, settings, arguments)]
    telling = _Telling(arguments)
    for problem in problems:
        telling.failure(None, problem)
    clashes = _clashes(tasks)
    for task, clash in zip(tasks, clashes, strict=True):
        if clash is not None:
            telling.failure(task, clash)
    _work([task for task, clash in zip(tasks, clashes, strict=True) if clash is None], arguments.processes, telling)
    telling.end()
    return telling.exit_code


def _work(tasks: list[Task], processes: int, telling: "_Telling") -> None:
    with telling.steps(len(tasks)) as steps, closing(run_tasks(degrade, tasks, processes)) as done:
        for task, result in done:
            steps.step(task.source.name)
            if isinstance(result, Failure):
                telling.failure(task, result.message, steps.say)
            elif result.is_skipped:
                telling.skipped(task, result, steps.say)
            else:
                telling.pair(task, result, steps.say)


def _settings(arguments: "Arguments") -> PairSettings:
    """What was asked for, refused here where no file could satisfy it."""
    return PairSettings(
        exercise=_exercise(arguments),
        output=arguments.output,
        wish=Wish(file_format=arguments.file_format, bit_depth=arguments.bit_depth),
        seconds=arguments.seconds,
        sample_rate_hz=arguments.sample_rate_hz,
        has_pictures=arguments.has_pictures,
        is_forced=arguments.is_forced,
    )


def _exercise(arguments: "Arguments") -> Exercise:
    given = {"--recipe": arguments.recipe, "--fault": arguments.fault, "--curriculum": arguments.curriculum}
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"degrade: {' and '.join(named)} exclude each other; keep one of them")
    if (arguments.curriculum is None) != (arguments.stage is None):
        raise UsageError("degrade: --curriculum and --stage go together; name a curriculum and one of its stages")
    if arguments.curriculum is not None and arguments.stage is not None:
        stage = arguments.stage.removesuffix(STRONGER) + STRONGER if arguments.is_stronger else arguments.stage
        return exercise_of_stage(load_curriculum(arguments.curriculum), stage, arguments.allowed_plugins)
    if arguments.fault is not None:
        if arguments.is_stronger:
            raise UsageError("--stronger: a fault by itself has no stronger ranges; name a recipe or a curriculum")
        return exercise_of_fault(arguments.fault)
    name = DEFAULT_RECIPE if arguments.recipe is None else arguments.recipe
    recipe = load_recipe(name, arguments.allowed_plugins)
    return exercise_of_recipe(recipe, arguments.is_stronger)


def _refuse_output_inside(inputs: Sequence[str], output: Path) -> None:
    # os.path.realpath here and below, and not Path.resolve, which raises where a link leads to itself.
    places = [Path(os.path.realpath(output / folder)) for folder in (CLEAN_FOLDER, DAMAGED_FOLDER)]
    for path in [path for given in inputs for path in expanded(given)]:
        if os.path.isdir(path) and any(place.is_relative_to(os.path.realpath(path)) for place in places):
            raise UsageError(
                f"-o {output}: lies inside the input {path}, and a next run would damage these results; "
                "choose a folder beside it"
            )


def _tasks(file: AudioFile, settings: PairSettings, arguments: "Arguments") -> list[Task]:
    """One task, or as many as copies, with one seed after another."""
    name = file.relative.with_name(file.relative.stem)
    return [
        Task(
            source=file.path,
            source_name=file.relative.as_posix(),
            name=name if arguments.copies == 1 else name.with_name(f"{name.name}.{copy + 1}"),
            seed=arguments.seed + copy,
            settings=settings,
        )
        for copy in range(arguments.copies)
    ]


def _clashes(tasks: Sequence[Task]) -> list[str | None]:
    """For each task why it cannot be: its pair would have the name of another's, or the place of an input."""
    wanted: dict[str, list[Task]] = {}
    for task in tasks:
        wanted.setdefault(_key(task.record), []).append(task)
    sources = {_real_key(task.source) for task in tasks}
    return [_clash(task, wanted[_key(task.record)], sources) for task in tasks]


def _clash(task: Task, rivals: Sequence[Task], sources: set[str]) -> str | None:
    rival = next((other for other in rivals if other.source != task.source), None)
    if rival is not None:
        name = f"its pair would have the name of that of {rival.source}"
        return f"{task.source}: {name}; rename one, or degrade them into different folders"
    if any(_real_key(target) in sources for target in task.targets):
        return f"{task.source}: its pair would replace an input; choose another -o"
    return None


def _real_key(path: Path) -> str:
    """The key of where a path leads."""
    return _key(Path(os.path.realpath(path)))


def _key(path: Path) -> str:
    """Equal for paths that the system's file systems take for one."""
    text = os.path.abspath(path)
    return text.casefold() if IGNORES_CASE else text


class _Telling:
    """Tells what became of each pair, and remembers whether all went well."""

    def __init__(self, arguments: "Arguments") -> None:
        self.exit_code = 0
        self._arguments = arguments
        self._count = 0
        self._skipped = 0
        self._audio_s = 0.0
        self._begin_s = time.monotonic()

    def steps(self, count: int) -> Steps:
        """The bar for so many pairs."""
        return Steps(count, not self._arguments.is_quiet)

    def failure(self, task: Task | None, problem: str, say: Say = say_plainly) -> None:
        """An input that came to nothing."""
        self.exit_code = 1
        if self._arguments.as_json:
            say(_line({"input": str(task.source) if task else None, "status": "error", "error": problem}))
        else:
            named = problem if task is None or str(task.source) in problem else f"{task.source}: {problem}"
            say(f"failed    {named}", err=True)

    def skipped(self, task: Task, done: Done, say: Say) -> None:
        """A pair that an earlier run had made."""
        self._skipped += 1
        if self._arguments.as_json:
            self._as_json(task, "skipped", done, say)
        elif not self._arguments.is_quiet:
            say(f"skipped   {task.source} -> {task.damaged}  (made before, from the same file and settings)")

    def pair(self, task: Task, done: Done, say: Say) -> None:
        """A pair that was made."""
        record = done.record
        self._count += 1
        self._audio_s += record["frames"] / record["sample_rate_hz"]
        if self._arguments.as_json:
            self._as_json(task, "degraded", done, say)
        elif not self._arguments.is_quiet:
            faults = ", ".join(applied["fault"] for applied in record["damage"]) or "nothing"
            say(f"degraded  {task.source} -> {task.damaged}  ({faults})")
            for applied in record["damage"] if self._arguments.is_verbose else []:
                say(f"          {applied['fault']} {json.dumps(applied['parameters'])}")

    def end(self) -> None:
        """The sum, for people."""
        if self._arguments.as_json or self._arguments.is_quiet or not self._count + self._skipped:
            return
        took_s = time.monotonic() - self._begin_s
        speed = wording.real_time(self._audio_s / took_s)
        pairs = "pair" if self._count == 1 else "pairs"
        skipped = f"; {self._skipped} made before" if self._skipped else ""
        click.echo(f"{self._count} {pairs} in {self._arguments.output}, {took_s:.1f} s, {speed}{skipped}")

    def _as_json(self, task: Task, status: str, done: Done, say: Say) -> None:
        paths = {"clean": str(task.clean), "damaged": str(task.damaged), "record": str(task.record)}
        say(_line({"input": str(task.source), "status": status, "error": None, **paths, **done.record}))


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, allow_nan=False)
