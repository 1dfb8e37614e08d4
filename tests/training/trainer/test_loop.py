"""The loop: what it carries, how it goes on when memory runs out or numbers break, and that it comes to an end."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from shift_making import SEGMENTS, Heard, opened, short, tiny_config, write_shifts
from tiny_packages import WIDE, tiny_codec
from torch_threads import threads

from rebounce.engine.errors import TrainingError
from rebounce.presets.training_config import Batch, TrainingConfig
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.networks.interface import Prediction
from rebounce.training.trainer.loop import train
from rebounce.training.trainer.plateau import ALL_EPOCHS, PLATEAU
from rebounce.training.trainer.schedule import one_cycle
from rebounce.training.trainer.steps import gradient
from rebounce.training.trainer.training import Training
from rebounce.training.trainer.validation import validate
from rebounce.training.trainer.windows import Walk, item_loader

ITEMS, WINDOWS = 4, 16
STEADY = Batch(start=4, most=4, grow="never")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shifts(tmp_path_factory.mktemp("bundles"), ITEMS, ("0", "1", "2"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threads(1):
        yield


@pytest.fixture
def config(bundles: Path, tmp_path: Path) -> TrainingConfig:
    """Two epochs of stage 1, in 4 steps of 4 windows each."""
    return short(tiny_config(bundles, tmp_path / "run", batch=STEADY), "1")


def weights(training: Training) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in training.network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def rows(training: Training, name: str) -> list[dict[str, str]]:
    with open(training.folder.path / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def trained(config: TrainingConfig, heard: Heard | None = None) -> Training:
    training = opened(config, heard)
    train(training, len(config.stages) - 1)
    return training


def test_the_best_network_of_a_stage_is_what_the_next_one_begins_with(bundles: Path, tmp_path: Path) -> None:
    class Watching(Heard):
        def epoch(self, row: Any, most_epochs: int) -> None:
            if (row["stage"], row["epoch"]) == ("2", 0):
                begun.append(weights(training))

    begun: list[dict[str, torch.Tensor]] = []
    config = short(tiny_config(bundles, tmp_path, batch=STEADY), "1", "2", learning_rate=0.01)
    training = opened(config, Watching())
    train(training, 1)
    best = read_checkpoint(training.folder.stage_best("1"))
    assert same(begun[0], best["model"])
    assert best["stage"] == "1"
    assert best["epoch"] == training.progress.finished[0].best.epoch == 2


def test_a_stage_that_only_does_harm_ends_with_the_network_that_it_began_with(config: TrainingConfig) -> None:
    stage = replace(config.stages[0], learning_rate=10.0)
    training = opened(replace(config, stages=(stage,)))
    begun = weights(training)
    train(training, 0)
    (result,) = training.progress.finished
    assert result.last_loss > result.start_loss
    assert (result.best.epoch, result.best.loss) == (0, result.start_loss)
    assert same(weights(training), begun)


def test_the_rate_of_every_step_is_that_of_where_the_stage_stands(config: TrainingConfig) -> None:
    stage = replace(config.stages[0], schedule="one-cycle", learning_rate=3e-3)
    training = trained(replace(config, stages=(stage,), batch=replace(STEADY, accumulate=2)))
    # Two epochs of two steps of two batches.
    found = [float(row["learning_rate"]) for row in rows(training, "steps.csv")]
    assert found == pytest.approx([3e-3 * one_cycle(done) for done in (0.0, 0.25, 0.5, 0.75)])


def test_batches_that_are_accumulated_are_one_large_batch(config: TrainingConfig) -> None:
    training = opened(config)
    windows = Walk(item_loader(training.plan.train, items=4, seed=0), seed=0, epoch=0).take(6)
    optimiser = training.fabric.setup_optimizers(torch.optim.SGD(training.network.parameters(), lr=1.0))
    found = []
    for batches in ([windows], [windows[:1], windows[1:4], windows[4:]]):
        sums = gradient(training, optimiser, batches)
        slopes = [parameter.grad.clone() for parameter in training.network.parameters() if parameter.grad is not None]
        found.append([*slopes, sums])
    assert len(found[0]) > 50
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_when_memory_runs_out_half_the_batch_goes_on_from_the_same_state(config: TrainingConfig) -> None:
    def full(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if module.training and len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    heard = Heard()
    training = opened(config, heard)
    training.network.register_forward_pre_hook(full)
    train(training, 0)
    assert heard.said == ["memory ran out; from now on 2 windows a batch"]
    assert training.progress.events == [f"step 0: {heard.said[0]}"]
    assert training.progress.step == 2 * WINDOWS // 2
    small = trained(replace(config, batch=Batch(start=2, most=2), output=f"{config.output} small"))
    assert same(weights(training), weights(small))


def test_memory_that_runs_out_in_validation_halves_the_batch_too(config: TrainingConfig) -> None:
    def full(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if not module.training and len(inputs[0]) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")

    training = opened(config)
    training.network.register_forward_pre_hook(full)
    train(training, 0)
    assert training.progress.batch.windows == 1
    assert len(training.progress.events) == 2


def test_other_trouble_of_torch_is_not_swallowed(config: TrainingConfig) -> None:
    def broken(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    training = opened(config)
    training.network.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        train(training, 0)


class Breaks:
    """A hook that makes some of the training's predictions no numbers."""

    def __init__(self, calls: range) -> None:
        self._calls = calls
        self._count = -1

    def __call__(self, module: torch.nn.Module, inputs: object, said: Prediction) -> Prediction:
        self._count += module.training
        return replace(said, logits=said.logits * torch.nan) if module.training and self._count in self._calls else said


def test_numbers_that_break_lead_back_to_the_last_good_state_at_half_the_rate(config: TrainingConfig) -> None:
    heard = Heard()
    saved = replace(config, keep=replace(config.keep, every_steps=2))
    training = opened(saved, heard)
    training.network.register_forward_hook(Breaks(range(3, 4)))  # the fourth step: the last checkpoint is after two
    train(training, 0)
    (said,) = heard.said
    assert said == "the loss is nan, its gradient nan; back to the last good state, at 0.5 of the learning rate"
    assert training.progress.events == [f"step 2: {said}"]
    steps = rows(training, "steps.csv")
    assert [int(row["step"]) for row in steps] == list(range(1, 9))
    plain = trained(replace(config, output=f"{config.output} plain"))
    rates = [float(row["learning_rate"]) for row in steps]
    usual = [float(row["learning_rate"]) for row in rows(plain, "steps.csv")]
    assert rates == pytest.approx([rate * (1 if step < 2 else 0.5) for step, rate in enumerate(usual)])
    assert all(torch.isfinite(tensor).all() for tensor in weights(training).values())


def test_numbers_that_stay_broken_end_the_run_and_leave_a_good_state(config: TrainingConfig) -> None:
    training = opened(config)
    training.network.register_forward_hook(Breaks(range(4, 1000)))
    with pytest.raises(
        TrainingError, match=r"no number 6 times in one epoch, the last time at 0\.03125 of the learning"
    ):
        train(training, 0)
    left = read_checkpoint(training.folder.last)
    assert (left["epoch"], left["step"]) == (1, 4)
    assert all(torch.isfinite(tensor).all() for tensor in left["model"].values())
    again = opened(config, is_resumed=True)
    train(again, 0)
    assert again.progress.finished[0].epochs == 2


def test_a_validation_that_breaks_leads_back_as_well(config: TrainingConfig) -> None:
    class BreaksOnce(Breaks):
        def __call__(self, module: torch.nn.Module, inputs: object, said: Prediction) -> Prediction:
            self._count += not module.training
            is_broken = not module.training and self._count in self._calls
            return replace(said, logits=said.logits * torch.nan) if is_broken else said

    heard = Heard()
    training = opened(config, heard)
    # Two batches of validation before the stage, then those after its first epoch.
    training.network.register_forward_hook(BreaksOnce(range(2, 3)))
    train(training, 0)
    assert heard.said == ["the validation loss is nan; back to the last good state, at 0.5 of the learning rate"]
    assert [int(row["step"]) for row in rows(training, "epochs.csv")] == [0, 4, 8]


def test_a_batch_grows_after_each_epoch_up_to_its_most(config: TrainingConfig) -> None:
    heard = Heard()
    trained(replace(config, batch=Batch(start=1, most=3, grow="always")), heard)
    assert [row["batch"] for row in heard.epochs] == [1, 2, 3]


def test_a_stage_ends_at_its_plateau(config: TrainingConfig) -> None:
    stage = replace(config.stages[0], epochs=None, min_epochs=2, max_epochs=9)
    flat = replace(stage, advance=replace(stage.advance, delta=1e3, lag_epochs=1, patience_epochs=2))
    still = replace(stage, max_epochs=3)
    found = [
        trained(replace(config, stages=(one,), output=f"{config.output} {number}")).progress.finished[0]
        for number, one in enumerate((flat, still))
    ]
    assert [(result.epochs, result.reason) for result in found] == [(3, PLATEAU), (3, ALL_EPOCHS)]


def test_bottleneck_and_dropout_are_those_of_the_stage(bundles: Path, tmp_path: Path) -> None:
    class Watching(Heard):
        def epoch(self, row: Any, most_epochs: int) -> None:
            shares = {module.p for module in training.network.modules() if isinstance(module, torch.nn.Dropout)}
            seen[row["stage"]] = (training.network.use_bottleneck, shares)

    seen: dict[str, tuple[bool, set[float]]] = {}
    config = short(tiny_config(bundles, tmp_path, batch=STEADY), "0", "1", "2", epochs=1)
    training = opened(config, Watching())
    train(training, 2)
    assert seen == {"0": (False, {0.0}), "1": (True, {0.0}), "2": (True, {0.05})}


@pytest.mark.parametrize(
    ("first", "last", "yardstick"),
    [
        (("token",), ("token", "latent"), "latent"),
        (("token", "latent"), ("mask", "latent"), "latent"),
        (("token", "latent"), ("token",), "token"),
        (("token",), ("mask",), "token"),
    ],
)
def test_stages_are_compared_by_latents_where_the_last_one_learns_them_and_else_by_tokens(
    bundles: Path, tmp_path: Path, first: tuple[str, ...], last: tuple[str, ...], yardstick: str
) -> None:
    config = short(tiny_config(bundles, tmp_path, batch=STEADY), "1", "2", epochs=1)
    stages = [replace(stage, losses=losses) for stage, losses in zip(config.stages, (first, last), strict=True)]
    training = trained(replace(config, stages=tuple(stages), loss=dict.fromkeys((*first, *last), 1.0)))
    scores = [validate(training, plan.validation, {"latent": 1.0, "token": 1.0}) for plan in training.plans]
    assert training.progress.finished[-1].yardstick == pytest.approx(sum(score[yardstick] for score in scores) / 2)
    assert scores[0]["latent"] != pytest.approx(scores[0]["token"], rel=0.1)


@pytest.mark.parametrize("changes", [{}, {"precision": "bf16"}, {"gradient_checkpointing": True}])
def test_what_was_lost_in_choosing_tokens_is_seen_and_learned_from_encoded_latents(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    bundles = write_shifts(tmp_path / "bundles", ITEMS, ("1",), codec=tiny_codec(size=WIDE))
    config = short(tiny_config(bundles, tmp_path / "run", batch=STEADY), "1", epochs=4, losses=("latent",))
    training = opened(replace(config, data=replace(config.data, latents="encoded"), **changes))
    given: list[tuple[torch.Tensor, ...]] = []
    training.network.register_forward_pre_hook(lambda module, inputs: given.append(inputs))
    train(training, 0)
    codes, latents = given[0]
    assert not torch.allclose(latents, training.space.latents_of(codes), atol=1e-2)
    assert_held_in_bundles(training, given)
    (result,) = training.progress.finished
    assert result.best.loss < 0.8 * result.start_loss


def assert_held_in_bundles(training: Training, given: list[tuple[torch.Tensor, ...]]) -> None:
    """The network was shown the damaged side's latents, as the bundles hold them, and no others."""
    (plan,) = training.plans
    held = {
        in_short(torch.from_numpy(dataset.bundle(index, ("latents",)).features["latents"][segment, 1]))
        for dataset in (plan.train, plan.validation)
        for index in range(len(dataset))
        for segment in range(SEGMENTS)
    }
    assert {in_short(window) for _, latents in given for window in latents} == held


def in_short(latents: torch.Tensor) -> bytes:
    """What tells windows apart, in any precision that they may be in."""
    return latents.to(torch.bfloat16).float().numpy().tobytes()


@pytest.mark.parametrize(("losses", "says_them"), [(("latent", "mask"), False), (("token", "latent"), True)])
def test_tokens_are_said_in_training_only_where_a_loss_goes_by_them(
    bundles: Path, tmp_path: Path, losses: tuple[str, ...], says_them: bool
) -> None:
    config = short(tiny_config(bundles, tmp_path / "run", batch=STEADY), "1", epochs=1, losses=losses)
    training = opened(config)
    heard: set[tuple[bool, bool]] = set()
    training.network.register_forward_hook(
        lambda module, inputs, said: heard.add((module.training, said.logits.numel() > 0))
    )
    train(training, 0)
    assert heard == {(True, says_them), (False, True)}


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_share_of_the_windows_is_learned_from_and_judged_by_as_clean(config: TrainingConfig, share: float) -> None:
    training = opened(replace(config, data=replace(config.data, clean_share=share)))
    (plan,) = training.plans
    clean = {
        codes.astype("int64").tobytes()
        for dataset in (plan.train, plan.validation)
        for index in range(len(dataset))
        for codes in dataset.bundle(index).clean.codes
    }
    shown: dict[bool, list[bool]] = {True: [], False: []}
    training.network.register_forward_pre_hook(
        lambda module, inputs: shown[module.training].extend(codes.numpy().tobytes() in clean for codes in inputs[0])
    )
    train(training, 0)
    for windows in shown.values():
        assert len(windows) >= 2 * WINDOWS
        # Give or take four standard deviations; and of a half there are some of both kinds.
        assert sum(windows) == pytest.approx(share * len(windows), abs=4 * (share * (1 - share) * len(windows)) ** 0.5)
        assert len(set(windows)) == (2 if share else 1)


@pytest.mark.parametrize("kind", ["copy", "frequency", "unet-1d"])
def test_the_baselines_go_through_the_same_loop(config: TrainingConfig, kind: str) -> None:
    training = trained(replace(config, kind=kind))
    (result,) = training.progress.finished
    assert result.best.loss < result.start_loss
    state = read_checkpoint(training.folder.best)
    assert (state["kind"], state["size"], state["stage"]) == (kind, "tiny", "1")


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"gradient_checkpointing": True}])
def test_half_floats_and_checkpointed_gradients_learn_the_same_thing(
    config: TrainingConfig, changes: dict[str, Any]
) -> None:
    plain = trained(replace(config, output=f"{config.output} plain")).progress.finished[0]
    other = trained(replace(config, **changes)).progress.finished[0]
    assert other.best.loss < 0.8 * other.start_loss
    assert other.best.loss == pytest.approx(plain.best.loss, rel=0.02)


def test_windows_of_an_epoch_are_those_that_the_config_asks_for(config: TrainingConfig) -> None:
    training = trained(replace(config, data=replace(config.data, windows=1)))
    assert training.progress.step == 2
    assert [row["windows"] for row in rows(training, "steps.csv")] == ["4", "4"]
