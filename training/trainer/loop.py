"""The training of a token network from its first stage to its last, readable from top to bottom.

every stage     set up, judged as it begins, then epochs until it has given what it can; its best network is
                carried into the next one
every epoch     steps over its windows, then validation, logs, a checkpoint
every step      some batches forward and back; fewer windows at a time where memory runs out, back to the last good
                state at a lower rate where numbers break
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch.utils.data import DataLoader

from rebounce.engine.errors import TrainingError
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.dataset import BundleDataset, Sample
from rebounce.training.trainer.device import CUDA, used_share
from rebounce.training.trainer.keeping import load_weights, restore, save_best, save_last, write_config, write_run
from rebounce.training.trainer.plateau import reason_to_advance
from rebounce.training.trainer.records import Records
from rebounce.training.trainer.recovery import is_out_of_memory, may_grow
from rebounce.training.trainer.run_folder import MEMORY
from rebounce.training.trainer.state import Best, Scores, StageResult
from rebounce.training.trainer.steps import gradient, move
from rebounce.training.trainer.training import Training
from rebounce.training.trainer.validation import validate
from rebounce.training.trainer.windows import Walk, item_loader

YARDSTICKS = ("latent", "token")
"""What networks of different stages are compared by: the first of these that the last stage learns, or else the last.

Latents come first, as they are what restores best.
"""


@dataclass(slots=True, kw_only=True, eq=False)
class Running:
    """What a stage needs while it runs: its optimiser, as it is and as Fabric steps it, and its bundles."""

    optimiser: torch.optim.Optimizer
    stepper: Any
    loader: "DataLoader[Sample]"


def train(training: Training, until: int) -> None:
    """Train from where the progress stands to the end of the stage number `until`."""
    write_config(training)
    records = Records(training, until)
    try:
        while training.progress.stage <= until:
            running = begin_stage(training, records)
            while (reason := _reason(training)) is None:
                train_epoch(training, running, records)
                end_epoch(training, running, records)
            end_stage(training, records, reason)
    finally:
        records.close()


def begin_stage(training: Training, records: Records) -> Running:
    """Set the network and a fresh optimiser up; a stage that begins is judged, one that goes on gets its state back."""
    plan, config = training.plan, training.config.optimiser
    training.network.set_dropout(plan.config.dropout)
    training.network.use_bottleneck = plan.config.bottleneck
    optimiser = torch.optim.AdamW(
        training.network.parameters(),
        lr=plan.config.learning_rate,
        betas=(config.beta1, config.beta2),
        weight_decay=config.weight_decay,
    )
    data = training.config.data
    loader = item_loader(plan.train, items=data.mixed_items, seed=training.config.seed, workers=data.workers)
    running = Running(optimiser=optimiser, stepper=training.fabric.setup_optimizers(optimiser), loader=loader)
    if training.progress.start_loss is None:
        scores = _judged(training, records)
        _check_start(training, scores)
        training.progress.start_loss = scores["loss"]
        training.progress.best = Best(epoch=0, loss=scores["loss"])
        save_best(training, scores)
        records.epoch(training, ({}, scores), 0.0)
        save_last(training, optimiser, scores)
    else:
        optimiser.load_state_dict(read_checkpoint(training.folder.last)["optimiser"])
    return running


def train_epoch(training: Training, running: Running, records: Records) -> None:
    """Steps over the windows of the epoch that are left."""
    walk = _walk(training, running)
    while (left := training.plan.windows - training.progress.windows) > 0:
        began = time.perf_counter()
        batches = _batches(training, walk, left)
        sums = _gradient(training, running, batches)
        if sums is None:
            walk.put_back(window for batch in batches for window in batch)
            _use_less_memory(training, records)
            continue
        step = move(training, running.stepper, sums)
        if not step.is_sound:
            _roll_back(training, running, records, f"the loss is {step.scores['loss']:g}, its gradient {step.norm:g}")
            walk = _walk(training, running)
            continue
        count = sum(len(batch) for batch in batches)
        seconds = time.perf_counter() - began
        training.progress.end_step(count, step.scores, step.tokens, seconds)
        records.step(training, step, count * training.fabric.world_size / seconds)
        # Not after the last step: a state that was not judged yet is none to return to when the judgement breaks.
        is_within = training.progress.windows < training.plan.windows
        if training.progress.step % training.config.keep.every_steps == 0 and is_within:
            save_last(training, running.optimiser)


def end_epoch(training: Training, running: Running, records: Records) -> None:
    """Judge the network, keep it where it is the best of its stage, and write everything down."""
    progress = training.progress
    learned, scores = progress.epoch_scores(), _judged(training, records)
    if not isfinite(scores["loss"]):
        _roll_back(training, running, records, f"the validation loss is {scores['loss']:g}")
        return
    seconds = progress.seconds
    progress.training.append(learned["loss"])
    progress.validation.append(scores["loss"])
    progress.end_epoch()
    if may_grow(training.config.batch, training.fabric.device.type == CUDA):
        progress.batch = progress.batch.grown(used_share(training.fabric))
    if progress.best is None or scores["loss"] < progress.best.loss:
        progress.best = Best(epoch=progress.epoch, loss=scores["loss"])
        save_best(training, scores)
    records.epoch(training, (learned, scores), seconds)
    save_last(training, running.optimiser, scores)


def end_stage(training: Training, records: Records, reason: str) -> None:
    """Take up the stage's best network, measure it by the common yardstick, and make ready for the next stage."""
    progress, name = training.progress, training.plan.config.name
    path = training.folder.stage_best(name)
    load_weights(training, path, read_checkpoint(path))
    assert progress.start_loss is not None
    assert progress.best is not None
    result = StageResult(
        name=name,
        epochs=progress.epoch,
        steps=progress.step - progress.first_step,
        reason=reason,
        start_loss=progress.start_loss,
        last_loss=progress.validation[-1],
        best=progress.best,
        yardstick=_yardstick(training, records),
    )
    progress.end_stage(result)
    if training.writes and progress.best_overall() is result:
        training.folder.keep_overall(name)
    save_last(training, None)
    write_run(training)
    records.stage(training, result)


def _reason(training: Training) -> str | None:
    plan, progress = training.plan, training.progress
    return reason_to_advance(progress.training, progress.validation, plan.config.advance, plan.limits)


def _walk(training: Training, running: Running) -> Walk:
    """The windows of the epoch from where it stands."""
    progress, config = training.progress, training.config
    return Walk(
        running.loader,
        seed=config.seed,
        epoch=progress.epoch,
        skip=progress.windows,
        clean_share=config.data.clean_share,
    )


def _batches(training: Training, walk: Walk, left: int) -> list[list[Sample]]:
    """What one step takes; at the end of an epoch there may be less of it."""
    size = training.progress.batch.windows
    counts = [min(size, left - first) for first in range(0, min(left, size * training.config.batch.accumulate), size)]
    return [walk.take(count) for count in counts]


def _gradient(training: Training, running: Running, batches: list[list[Sample]]) -> torch.Tensor | None:
    """What `gradient` gives, or None where memory ran out."""
    try:
        return gradient(training, running.stepper, batches)
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
    # Out here the exception is gone, and with it all the tensors that its frames held.
    running.optimiser.zero_grad(set_to_none=True)
    return None


def _use_less_memory(training: Training, records: Records) -> None:
    """Half the batch from now on; with several processes only a new start can bring them together again."""
    smaller = training.progress.batch.halved()
    if training.fabric.world_size > 1:
        training.folder.write_json(MEMORY, {"most_batch": smaller.windows})
        raise TrainingError(
            f"memory ran out in one of {training.fabric.world_size} processes with {training.progress.batch.windows} "
            f"windows a batch; that at most {smaller.windows} fit is kept: run the same command with --resume"
        )
    if training.fabric.device.type == CUDA:
        torch.cuda.empty_cache()
    training.progress.batch = smaller
    records.say(training, f"memory ran out; from now on {smaller.windows} windows a batch")


def _roll_back(training: Training, running: Running, records: Records, trouble: str) -> None:
    """Return to the last checkpoint, and go on from it at a lower rate and with no more memory than fitted."""
    rate, batch = training.progress.rate.lowered(), training.progress.batch
    state = read_checkpoint(training.folder.last)
    restore(training, state)
    running.optimiser.load_state_dict(state["optimiser"])
    training.progress.rate, training.progress.batch = rate, batch
    records.go_back(training)
    records.say(training, f"{trouble}; back to the last good state, at {rate.factor:g} of the learning rate")
    save_last(training, running.optimiser)


def _judged(training: Training, records: Records) -> Scores:
    """The scores on the stage's own validation bundles."""
    return _validated(training, records, training.plan.validation, training.plan.weights)


def _yardstick(training: Training, records: Records) -> float:
    """One loss alone on the validation bundles of all stages, each stage counted alike."""
    name = next((name for name in YARDSTICKS if name in training.plans[-1].weights), YARDSTICKS[-1])
    scores = [_validated(training, records, plan.validation, {name: 1.0})[name] for plan in training.plans]
    return sum(scores) / len(scores)


def _validated(training: Training, records: Records, dataset: BundleDataset, weights: Mapping[str, float]) -> Scores:
    """The scores on some bundles, with as many windows at a time as fit."""
    while True:
        try:
            return validate(training, dataset, weights)
        except (RuntimeError, MemoryError) as problem:
            if not is_out_of_memory(problem):
                raise
        _use_less_memory(training, records)


def _check_start(training: Training, scores: Scores) -> None:
    if not isfinite(scores["loss"]):
        raise TrainingError(
            f"stage {training.plan.config.name}: expected a loss before the first step, found {scores['loss']:g}; look "
            "at the validation bundles of this stage, or begin anew with fewer losses"
        )
