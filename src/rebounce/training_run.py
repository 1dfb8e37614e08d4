"""What `rebounce train` does with its arguments: check everything first, then train, and tell."""

import json
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebounce.engine.errors import UsageError
from rebounce.engine.folder_lock import alone_in
from rebounce.presets.training_config import CODEC_KIND, TrainingConfig
from rebounce.presets.training_file import format_training
from rebounce.training.codecs import use_threads
from rebounce.training.trainer.codec_side import open_codec_side
from rebounce.training.trainer.configs import load_config
from rebounce.training.trainer.device import Processes, training_device
from rebounce.training.trainer.loop import train
from rebounce.training.trainer.opening import Wish, open_training, stage_number
from rebounce.training.trainer.run_folder import LAST
from rebounce.training.trainer.training import Training
from rebounce.training_telling import TrainingBar, TrainingTelling

if TYPE_CHECKING:
    from rebounce.cli_train import Arguments

LOCK_NAME = "run"
"""Staged in the folder for as long as a training runs there, and never published."""


def run(arguments: "Arguments") -> int:
    """Train as was asked for; returns the exit code."""
    config = load_config(arguments.config, _changes(arguments))
    if arguments.is_shown:
        click.echo(format_training(config), nl=False)
        return 0
    device = training_device(arguments.device)
    if arguments.threads is not None:
        use_threads(arguments.threads)
    is_first = int(os.environ.get("RANK", "0")) == 0
    with TrainingBar(1, is_first and not (arguments.is_quiet or arguments.is_dry_run)) as bar:
        telling = TrainingTelling(arguments, bar, is_first=is_first)
        if config.kind == CODEC_KIND:
            return _train_codec(config, arguments, device, telling)
        return _train_network(config, arguments, device, telling)


def _changes(arguments: "Arguments") -> dict[str, Any]:
    """What the command line says otherwise than the config."""
    return {
        "output": None if arguments.output is None else str(arguments.output),
        "bundles": tuple(str(folder) for folder in arguments.bundles) or None,
        "codec": arguments.codec,
        "seed": arguments.seed,
    }


def _train_network(config: TrainingConfig, arguments: "Arguments", device: str, telling: TrainingTelling) -> int:
    until = stage_number(config, arguments.until_stage)
    codec, weights = config.codec or "", config.codec_weights
    training = open_training(
        config,
        lambda codebooks: open_codec_side(codec, weights, codebooks),
        Wish(device=device, processes=_processes(), is_resumed=arguments.is_resumed),
        telling,
    )
    if arguments.is_dry_run:
        _tell_plan(training, until, arguments.as_json)
        return 0
    _tell_start(training, until, telling)
    with _alone_in(training.folder.path) if training.writes else nullcontext():
        train(training, until)
    best = training.folder.best
    is_done = training.progress.stage == len(training.plans)
    telling.end(best if best.exists() else None, training.folder.path, is_done)
    return 0


def _train_codec(config: TrainingConfig, arguments: "Arguments", device: str, telling: TrainingTelling) -> int:
    from rebounce.training.codec_from_config import train_codec_from

    if arguments.until_stage is not None:
        raise UsageError("--until-stage: the training of a codec has no stages")
    if arguments.is_dry_run:
        raise UsageError("--dry-run: the training of a codec has nothing to count; --show prints its config")
    if _processes().all > 1:
        raise UsageError("train: a codec is trained by one process; run it without torchrun")
    is_resumed = arguments.is_resumed and (Path(config.output) / LAST).exists()
    with _alone_in(Path(config.output)):
        path = train_codec_from(
            config, device=device, is_resumed=is_resumed, say=telling.say, on_step=telling.codec_step
        )
    telling.end(path, Path(config.output), is_done=True)
    return 0


def _processes() -> Processes:
    """How many processes `torchrun` started; one without it."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Processes()
    return Processes(here=int(os.environ["LOCAL_WORLD_SIZE"]), all=int(os.environ["WORLD_SIZE"]))


def _alone_in(folder: Path) -> AbstractContextManager[object]:
    """Two trainings in one folder would write over each other's checkpoints."""
    return alone_in(folder, folder / LOCK_NAME, "trains into this folder", replaces=False)


def _tell_start(training: Training, until: int, telling: TrainingTelling) -> None:
    progress = training.progress
    if progress.stage > until:
        telling.say(f"run {training.run_id}: stage {training.plans[until].config.name} is done already")
        return
    place = f"stage {training.plan.config.name}, epoch {progress.epoch + 1}"
    where = f"on {training.fabric.device} in {training.precision}"
    count = f"{training.network.parameter_count():,} parameters"
    verb = f"goes on after step {progress.step}" if progress.step else "begins"
    telling.say(f"run {training.run_id}: {verb} with {place}; {count}, {where}")


def _tell_plan(training: Training, until: int, as_json: bool) -> None:
    """What would run, stage by stage, and at most how much of it."""
    batch = training.config.batch.start * training.config.batch.accumulate * training.fabric.world_size
    stages: list[dict[str, Any]] = [
        {
            "stage": plan.config.name,
            "items": plan.items,
            "windows": plan.windows * training.fabric.world_size,
            "validation_items": len(plan.validation),
            "epochs": [plan.limits.least, plan.limits.most],
            "most_steps": -(-plan.windows * training.fabric.world_size // batch) * plan.limits.most,
            "losses": list(plan.weights),
        }
        for plan in training.plans[: until + 1]
    ]
    shape = asdict(training.network.shape)
    if as_json:
        parameters = training.network.parameter_count()
        click.echo(json.dumps({"id": training.run_id, "parameters": parameters, "shape": shape, "stages": stages}))
        return
    click.echo(f"run {training.run_id}: {training.network.parameter_count():,} parameters, {shape}")
    for stage in stages:
        click.echo(
            f"stage {stage['stage']:10} {stage['items']} items, {stage['windows']} windows an epoch, "
            f"{stage['epochs'][0]} to {stage['epochs'][1]} epochs, {stage['most_steps']} steps at most: "
            f"{', '.join(stage['losses'])}"
        )
