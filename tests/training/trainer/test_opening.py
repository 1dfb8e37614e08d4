"""A training is made ready, or refused before anything is written."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from shift_making import CODEC_ID, Heard, opened, shift_bundle, short, tiny_config, tiny_side, write_shifts
from tiny_packages import WIDE, tiny_codec

from rebounce import __version__
from rebounce.engine.errors import BundleError, CheckpointError, ConfigError, DeviceError
from rebounce.presets.training_config import Data, TrainingConfig
from rebounce.training.bundle import read_bundle, write_bundle
from rebounce.training.checkpoint import read_checkpoint, write_checkpoint
from rebounce.training.trainer.codec_side import CodecSide
from rebounce.training.trainer.loop import train
from rebounce.training.trainer.opening import Wish, open_training, run_id, stage_number


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    bundles = write_shifts(tmp_path / "bundles", 2, ("0", "1"))
    return short(tiny_config(bundles, tmp_path / "run"), "0", "1", epochs=1)


def test_equal_seeds_begin_with_equal_networks_and_others_do_not(config: TrainingConfig) -> None:
    one, same, other = (opened(changed).network.state_dict() for changed in (config, config, replace(config, seed=1)))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_network_is_made_for_the_tokens_of_the_bundles(config: TrainingConfig) -> None:
    shape = opened(config).network.shape
    assert (shape.codebooks, shape.codebook_size, shape.latent_dimension, shape.window_tokens) == (4, 16, 8, 16)


def test_a_plan_counts_items_windows_and_epochs(config: TrainingConfig) -> None:
    first, second = opened(replace(config, data=replace(config.data, windows=3))).plans
    assert (first.items, first.windows, first.most_windows) == (2, 6, 6)
    assert [plan.config.name for plan in (first, second)] == ["0", "1"]
    assert dict(first.weights) == {"token": 1.0, "latent": 1.0}


def test_a_run_is_called_by_all_that_its_outcome_depends_on(config: TrainingConfig) -> None:
    name = run_id(config, "ab")
    assert re.fullmatch("[0-9a-f]{16}", name)
    assert run_id(replace(config, output="elsewhere", description="x"), "ab") == name
    assert len({name, run_id(config, "cd"), run_id(replace(config, seed=5), "ab")}) == 3


def test_nothing_is_written_before_the_training_begins(config: TrainingConfig) -> None:
    opened(config)
    assert not Path(config.output).exists()


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_refused(config: TrainingConfig, device: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(
        DeviceError, match=f"--device {device}: expected a GPU, but torch .*; `rebounce doctor` says more"
    ):
        open_training(config, tiny_side, Wish(device=device), Heard())


def test_half_floats_are_refused_on_the_cpu(config: TrainingConfig) -> None:
    with pytest.raises(ConfigError, match=r'precision = "fp16": expected a GPU'):
        opened(replace(config, precision="fp16"))


def test_bundles_of_another_codec_are_refused(config: TrainingConfig) -> None:
    def other(codebooks: int) -> CodecSide:
        return replace(tiny_side(codebooks), codec_id="other@0123")

    with pytest.raises(
        ConfigError, match=rf"expected bundles of the codec other@0123, found those of {CODEC_ID}; name"
    ):
        open_training(config, other, Wish(device="cpu"), Heard())


def test_bundles_of_two_codecs_are_refused(config: TrainingConfig) -> None:
    bundle = shift_bundle("1", "train", 9)
    mixed = replace(
        bundle,
        clean=replace(bundle.clean, codec_id="other@0123"),
        damaged=replace(bundle.damaged, codec_id="other@0123"),
    )
    assert config.bundles is not None
    path = Path(config.bundles[0], "1/train/9.safetensors")
    write_bundle(path, mixed)
    with pytest.raises(
        BundleError, match=rf"{path}: expected tokens of {CODEC_ID}, like .*, found those of other@0123"
    ):
        opened(config)


def test_bundles_without_the_latents_that_a_network_is_to_see_are_refused(config: TrainingConfig) -> None:
    encoded = replace(config, data=replace(config.data, latents="encoded"))
    told = r"0-0\.safetensors: expected the feature latents, found measures; prepare into a new folder with --features"
    with pytest.raises(BundleError, match=f"{told} latents"):
        opened(encoded)
    stages = tuple(replace(stage, losses=("token", "level")) for stage in encoded.stages)
    with pytest.raises(BundleError, match=f"{told} measures,latents"):
        opened(replace(encoded, stages=stages, loss={"token": 1.0, "level": 1.0}))
    assert not Path(config.output).exists()


def test_terms_that_hold_tokens_against_latents_are_refused_where_those_are_others(config: TrainingConfig) -> None:
    encoded = replace(config, data=replace(config.data, latents="encoded"))
    stages = tuple(replace(stage, losses=("token", "latent", "token-spectrum")) for stage in encoded.stages)
    loss = {"token": 1.0, "latent": 1.0, "token-spectrum": 1.0}
    with pytest.raises(ConfigError, match=r'token-spectrum compares tokens .* or take latents = "codes"'):
        opened(replace(encoded, stages=stages, loss=loss))


def test_a_feature_that_a_later_bundle_lacks_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    """The first bundle of a data set is read at once, the headers of all others with it."""
    bundles = write_shifts(tmp_path / "bundles", 2, ("1",), codec=tiny_codec(size=WIDE))
    config = short(tiny_config(bundles, tmp_path / "run", data=Data(latents="encoded", windows=1)), "1", epochs=1)
    first, *_, last = sorted((bundles / "1" / "train").glob("*.safetensors"))
    bare = replace(read_bundle(last), features={})
    write_bundle(last, bare, replaces=True)
    assert first != last
    with pytest.raises(BundleError, match=rf"{last.name}: expected the feature latents, which this training needs"):
        opened(config)


def test_latents_are_read_only_where_a_network_is_to_see_them(tmp_path: Path) -> None:
    bundles = write_shifts(tmp_path / "bundles", 2, ("1",), codec=tiny_codec(size=WIDE))
    config = short(tiny_config(bundles, tmp_path / "run"), "1")
    encoded = replace(config, data=replace(config.data, latents="encoded"))
    samples = [opened(one).plan.train[0] for one in (config, encoded)]
    assert ["latents" in sample for sample in samples] == [False, True]
    assert opened(encoded).network.shape.latent_dimension == 128


def test_a_stage_without_bundles_is_named(config: TrainingConfig) -> None:
    assert config.bundles is not None
    shutil.rmtree(Path(config.bundles[0], "1/validation"))
    with pytest.raises(
        ConfigError, match=r"stage 1: .*: expected bundles of split 'validation' in stage 1, found none"
    ):
        opened(config)
    shutil.rmtree(Path(config.bundles[0], "1"))
    with pytest.raises(ConfigError, match=r"stage 1: .*: expected stage '1', found 0; make it with rebounce prepare"):
        opened(config)


def test_a_folder_with_a_training_in_it_is_not_written_over(config: TrainingConfig) -> None:
    train(opened(config), 0)
    with pytest.raises(ConfigError, match=r"run: there is a training in this folder already; add --resume to go on"):
        opened(config)


def test_going_on_with_another_config_is_refused_and_says_what_is_different(config: TrainingConfig) -> None:
    train(opened(config), 0)
    changed = replace(config, seed=7, stages=(config.stages[0], replace(config.stages[1], dropout=0.5)))
    with pytest.raises(ConfigError, match=r"found another \(seed was 0, now 7; stage\.1\.dropout was 0\.0, now 0\.5\)"):
        opened(changed, is_resumed=True)


def test_going_on_with_other_bundles_is_refused(config: TrainingConfig) -> None:
    train(opened(config), 0)
    assert config.bundles is not None
    write_bundle(Path(config.bundles[0], "1/train/9.safetensors"), shift_bundle("1", "train", 9))
    with pytest.raises(
        BundleError, match=r"last\.pt: expected the bundles that this training began with, found others"
    ):
        opened(config, is_resumed=True)


def test_bundles_that_were_moved_are_the_same_bundles(config: TrainingConfig, tmp_path: Path) -> None:
    train(opened(config), 0)
    (tmp_path / "bundles").rename(tmp_path / "moved")
    training = opened(replace(config, bundles=(str(tmp_path / "moved"),)), is_resumed=True)
    train(training, 1)
    assert [result.name for result in training.progress.finished] == ["0", "1"]


def changed_last(config: TrainingConfig, **changes: Any) -> Path:
    """Train a stage, and put something else into its checkpoint."""
    train(opened(config), 0)
    path = Path(config.output, "last.pt")
    state = {**read_checkpoint(path), **changes}
    write_checkpoint(path, {key: value for key, value in state.items() if value is not ...})
    return path


def test_a_checkpoint_that_only_holds_a_network_is_not_gone_on_from(config: TrainingConfig) -> None:
    path = changed_last(config, progress=...)
    with pytest.raises(CheckpointError, match=rf"{path}: expected 'progress' to go on from, found none"):
        opened(config, is_resumed=True)


def test_a_checkpoint_of_another_schema_is_refused(config: TrainingConfig) -> None:
    train(opened(config), 0)
    torch.save({"schema": "rebounce-codec-1"}, Path(config.output, "last.pt"))
    with pytest.raises(CheckpointError, match=r"expected a checkpoint of the schema 'rebounce-checkpoint-1', found"):
        opened(config, is_resumed=True)


def test_a_checkpoint_with_the_weights_of_another_network_is_refused(config: TrainingConfig) -> None:
    path = changed_last(config, model={"weight": torch.zeros(3)})
    with pytest.raises(CheckpointError, match=rf"{path}: expected the weights of token-unet tiny, found others"):
        opened(config, is_resumed=True)


def test_resuming_where_nothing_was_begun_begins(config: TrainingConfig) -> None:
    assert opened(config, is_resumed=True).progress.step == 0


def test_what_several_processes_learned_about_memory_is_kept(config: TrainingConfig) -> None:
    training = opened(config)
    training.folder.write_json("memory.json", {"most_batch": 1})
    again = opened(config)
    assert (again.progress.batch.windows, again.progress.batch.most) == (1, 1)


def test_a_stage_is_found_by_its_name(config: TrainingConfig) -> None:
    assert [stage_number(config, name) for name in ("0", "1", None)] == [0, 1, 1]
    with pytest.raises(ConfigError, match=r"--until-stage 2: expected one of 0, 1"):
        stage_number(config, "2")


def test_going_on_with_another_version_is_told(config: TrainingConfig) -> None:
    changed_last(config, version="0.0.1")
    heard = Heard()
    opened(config, heard, is_resumed=True)
    assert heard.said == [f"this run began with rebounce 0.0.1: with {__version__} its numbers may be others"]
