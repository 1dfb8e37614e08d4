"""Every training config that comes with rebounce makes real steps, at the tiny size of what it trains."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shift_making import STAGES, opened, write_shifts
from tiny_codec_training import chords
from tiny_packages import WIDE, tiny_codec
from torch_threads import threads

from rebounce.presets.training_config import CODEC_KIND, TrainingConfig
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.codec_from_config import train_codec_from
from rebounce.training.trainer.configs import bundled_configs, load_config
from rebounce.training.trainer.loop import train

NETWORKS = [name for name in bundled_configs() if load_config(name).kind != CODEC_KIND]
CODECS = [name for name in bundled_configs() if name not in NETWORKS]
STEPS = 2


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shifts(tmp_path_factory.mktemp("bundles"), 2, STAGES, codec=tiny_codec(size=WIDE))


def at_its_smallest(config: TrainingConfig, bundles: Path, output: Path) -> TrainingConfig:
    """The same config, each stage one epoch of two steps of one window, of one of the stages that there are."""
    stages = tuple(
        replace(stage, epochs=1, min_epochs=None, max_epochs=None, bundle_stages=(STAGES[number],))
        for number, stage in enumerate(config.stages)
    )
    return replace(
        config,
        size="tiny",
        bundles=(str(bundles),),
        output=str(output),
        data=replace(config.data, windows=1),
        batch=replace(config.batch, start=1, accumulate=1, grow="never"),
        keep=replace(config.keep, samples=0, pictures=False),
        stages=stages,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_each_stage_of_a_curriculum_makes_two_steps(name: str, bundles: Path, tmp_path: Path) -> None:
    config = load_config(name)
    with threads(1):
        training = opened(at_its_smallest(config, bundles, tmp_path / "run"))
        begun = {key: tensor.clone() for key, tensor in training.network.state_dict().items()}
        train(training, len(training.plans) - 1)
    assert [result.steps for result in training.progress.finished] == [STEPS] * len(config.stages)
    last = read_checkpoint(training.folder.stage_best(config.stages[-1].name))["model"]
    assert any(not torch.equal(begun[key], last[key]) for key in begun)


@pytest.mark.parametrize("name", CODECS)
def test_each_part_of_a_codecs_training_makes_a_step(name: str, tmp_path: Path) -> None:
    config = load_config(name)
    small = {
        "steps": 3, "mono_steps": 1, "plain_steps": 2, "batch": 2, "crop_tokens": 4, "level_tokens": 8,
        "cluster_vectors": 32, "validation_windows": 0,
    }  # fmt: skip
    music = chords(tmp_path / "music")
    tiny = replace(config, size="tiny", music=(str(music),), output=str(tmp_path / "run"), codec_training=small)
    with threads(1):
        state = read_checkpoint(train_codec_from(tiny))
    assert (state["kind"], state["step"]) == ("light-codec", 3)
