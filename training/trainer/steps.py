"""One step of the optimiser: some batches forward and back, the gradient clipped, the weights moved.

What always holds: everything that is drawn comes from the seed, the place in the training and the process, so that a
step that is made again, after a kill or a return to an earlier state, is the same step; and where the loss or its
gradient is no number in any of the processes, no weight is moved in any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rebounce.engine.errors import TrainingError
from rebounce.training.bundle_loader import collate
from rebounce.training.dataset import Sample
from rebounce.training.losses.registry import loss_terms, needs_tokens, weighted_sum
from rebounce.training.losses.targets import targets_of
from rebounce.training.networks.interface import Prediction
from rebounce.training.trainer.device import summed
from rebounce.training.trainer.recovery import is_out_of_memory
from rebounce.training.trainer.schedule import SCHEDULES
from rebounce.training.trainer.state import Scores
from rebounce.training.trainer.training import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What came of a step: the loss and its terms, means over the tokens of all processes, and the gradient's norm."""

    scores: Scores
    tokens: int
    norm: float
    learning_rate: float
    is_sound: bool


def gradient(training: Training, optimiser: Any, batches: Sequence[Sequence[Sample]]) -> Tensor:
    """Forward and back; returns the sums over tokens of the loss and its terms, and last the number of tokens."""
    plan = training.plan
    tokens = sum(int(window["is_token"].sum()) for batch in batches for window in batch)
    sums = torch.zeros(2 + len(plan.weights), device=training.fabric.device)
    _seed(training)
    training.network.train()
    training.network.says_tokens = needs_tokens(plan.weights)
    optimiser.zero_grad(set_to_none=True)
    for number, batch in enumerate(batches, 1):
        targets = targets_of(collate(batch), training.space, training.network.shape.window_tokens)
        with training.fabric.no_backward_sync(training.model, enabled=number < len(batches)):
            prediction = Prediction(**training.model(targets.damaged_codes, targets.damaged_latents))
            terms = loss_terms(prediction, targets, tuple(plan.weights), training.decoder)
            loss = weighted_sum(terms, plan.weights)
            share = targets.is_token.sum()
            training.fabric.backward(loss * (share / tokens))
        sums += torch.stack([loss, *terms.values(), loss.new_ones(())]).detach() * share
    return sums


def move(training: Training, optimiser: Any, sums: Tensor) -> Step:
    """Move the weights along the gradient, where it and the loss are numbers in every process."""
    clipped = training.fabric.clip_gradients(
        training.model, optimiser, max_norm=training.config.optimiser.clip, error_if_nonfinite=False
    )
    assert clipped is not None
    norm = float(clipped)
    *totals, tokens = summed(training.fabric, sums)
    scores = {name: total / tokens for name, total in zip(("loss", *training.plan.weights), totals, strict=True)}
    # Half floats have a scaler, which leaves a step out and tries again lower where the gradient overflows.
    is_sound = isfinite(scores["loss"]) and (isfinite(norm) or training.precision == "fp16")
    learning_rate = rate(training)
    if is_sound:
        _set_rate(optimiser, learning_rate)
        _step(optimiser)
    optimiser.zero_grad(set_to_none=True)
    return Step(scores=scores, tokens=round(tokens), norm=norm, learning_rate=learning_rate, is_sound=is_sound)


def rate(training: Training) -> float:
    """The learning rate of where the stage stands."""
    plan, progress = training.plan, training.progress
    done = (progress.epoch + progress.windows / plan.windows) / plan.limits.most
    return plan.config.learning_rate * SCHEDULES[plan.config.schedule](done) * progress.rate.factor


def _step(optimiser: Any) -> None:
    """Where memory runs out here, some weights may have moved: a smaller batch is no cure."""
    try:
        optimiser.step()
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        raise TrainingError(
            "memory ran out while the weights were moved: there is no room for the network and what its optimiser "
            "keeps of it; take a smaller size, or free some memory and go on with --resume"
        ) from problem


def _set_rate(optimiser: Any, learning_rate: float) -> None:
    """For every weight."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate


def _seed(training: Training) -> None:
    """Set torch's generators for what a step draws: dropout, on whichever device."""
    progress = training.progress
    place = (progress.stage, progress.epoch, progress.windows, training.fabric.global_rank)
    sequence = np.random.SeedSequence([training.config.seed, *place])
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
