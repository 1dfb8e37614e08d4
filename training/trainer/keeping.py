"""The checkpoints of a training: written after each epoch and every so many steps, and gone on from.

What always holds: a network's file says how to make the network again; a training that goes on from `last.pt` comes to
the numbers that it would have come to, whenever it was killed.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rebounce import __version__
from rebounce.engine.errors import BundleError, CheckpointError, ConfigError
from rebounce.presets.training_config import TrainingConfig
from rebounce.presets.training_file import as_table, format_training
from rebounce.training.checkpoint import read_checkpoint, write_checkpoint
from rebounce.training.trainer.configs import differences
from rebounce.training.trainer.run_folder import CONFIG, RUN, write_text
from rebounce.training.trainer.state import Progress, Scores
from rebounce.training.trainer.training import Training

_OWN_KEYS = ("run_id", "version", "data_sha256", "optimiser", "scaler", "progress")


def network_state(training: Training, scores: Scores) -> dict[str, Any]:
    """What a checkpoint says of the network as it is."""
    progress, config = training.progress, training.config
    return {
        "kind": config.kind,
        "size": config.size,
        "shape": asdict(training.network.shape),
        "codec_id": training.side.codec_id,
        "model": training.network.state_dict(),
        "config": as_table(config),
        "stage": training.plans[min(progress.stage, len(training.plans) - 1)].config.name,
        "epoch": progress.epoch,
        "step": progress.step,
        "validation": scores,
        "run_id": training.run_id,
        "version": __version__,
    }


def save_last(training: Training, optimiser: Any, scores: Scores | None = None) -> None:
    """Write what the training goes on from; without an optimiser the next stage is to begin."""
    if training.writes:
        state = {
            **network_state(training, scores or {}),
            "data_sha256": training.data_sha256,
            "optimiser": None if optimiser is None else optimiser.state_dict(),
            "scaler": training.fabric.strategy.precision.state_dict(),
            "progress": training.progress.as_table(),
        }
        write_checkpoint(training.folder.last, state)
    training.fabric.barrier()


def save_best(training: Training, scores: Scores) -> None:
    """Write the network as the best of its stage."""
    if training.writes:
        path = training.folder.stage_best(training.plan.config.name)
        write_checkpoint(path, network_state(training, scores))
    training.fabric.barrier()


def read_last(path: Path, config: TrainingConfig, data_sha256: str) -> dict[str, Any]:
    """What a training goes on from; an error where it is another training's."""
    state = read_checkpoint(path)
    missing = [key for key in _OWN_KEYS if key not in state]
    if missing:
        raise CheckpointError(f"{path}: expected {missing[0]!r} to go on from, found none; it can only be exported")
    changed = differences(config, state["config"])
    if changed:
        raise ConfigError(
            f"{path}: expected the config that this training began with, found another ({'; '.join(changed)}); put it "
            "back, or begin anew in another folder with -o"
        )
    if state["data_sha256"] != data_sha256:
        raise BundleError(
            f"{path}: expected the bundles that this training began with, found others: some were added, removed or "
            "made anew; bring them back, or begin anew in another folder with -o"
        )
    return state


def restore(training: Training, state: dict[str, Any]) -> None:
    """Put the network and the progress back; the optimiser follows when its stage is set up."""
    load_weights(training, training.folder.last, state)
    training.progress = Progress.from_table(state["progress"])
    if state["scaler"]:
        training.fabric.strategy.precision.load_state_dict(state["scaler"])


def load_weights(training: Training, path: Path, state: dict[str, Any]) -> None:
    """The weights of a checkpoint into the network."""
    try:
        training.network.load_state_dict(state["model"])
    except RuntimeError as problem:
        raise CheckpointError(
            f"{path}: expected the weights of {training.config.kind} {training.config.size}, found others; they are of "
            "another version: begin anew in another folder with -o"
        ) from problem


def write_config(training: Training) -> None:
    """Leave the config in the folder, every value spelled out."""
    if training.writes:
        write_text(training.folder.path / CONFIG, format_training(training.config))


def write_run(training: Training) -> None:
    """Say in `run.json` which run this is and how far it has come."""
    if not training.writes:
        return
    import torch

    progress = training.progress
    best = progress.best_overall()
    facts = {
        "id": training.run_id,
        "rebounce": __version__,
        "torch": torch.__version__,
        "device": str(training.fabric.device),
        "processes": training.fabric.world_size,
        "precision": training.precision,
        "codec_id": training.side.codec_id,
        "data_sha256": training.data_sha256,
        "kind": training.config.kind,
        "size": training.config.size,
        "parameters": training.network.parameter_count(),
        "is_done": progress.stage == len(training.plans),
        "steps": progress.step,
        "best_stage": None if best is None else best.name,
        "stages": [asdict(result) for result in progress.finished],
        "events": progress.events,
    }
    training.folder.write_json(RUN, facts)
