"""Configs by name and by path, and what of two configs makes two trainings."""

import os
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from rebounce.engine.errors import ConfigError
from rebounce.presets.training_file import as_table, format_training
from rebounce.training.losses.registry import LOSSES
from rebounce.training.trainer.configs import bundled_configs, differences, load_config

TINY = """
kind = "token-unet"
size = "tiny"
codec = "codec"
codec_weights = "weights.th"
bundles = ["bundles", "/elsewhere"]
output = "out"
[[stage]]
name = "1"
learning_rate = 1e-3
epochs = 2
losses = ["mask", "token"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/my.toml").write_text(TINY)
    return tmp_path / "home/my.toml"


@pytest.mark.parametrize("name", ["light", "light-codec", "tiny", "token-unet"])
def test_the_bundled_configs_are_sound_and_come_back_from_what_is_written(name: str, tmp_path: Path) -> None:
    assert name in bundled_configs()
    config = load_config(name)
    (tmp_path / "again.toml").write_text(format_training(config))
    assert load_config(tmp_path / "again.toml") == config


def test_the_large_curriculum_is_the_table_of_the_text() -> None:
    config = load_config("token-unet")
    assert [
        (stage.name, stage.dropout, stage.bottleneck, stage.learning_rate, stage.epochs, stage.schedule)
        for stage in config.stages
    ] == [
        ("0", 0.0, False, 5e-4, 15, "one-cycle"),
        ("1", 0.0, True, 4e-5, None, "cosine"),
        ("1-stronger", 0.0, True, 3e-5, None, "cosine"),
        ("2", 0.05, True, 2e-5, None, "cosine"),
        ("3", 0.08, True, 1.5e-5, None, "cosine"),
        ("3-stronger", 0.10, True, 1e-5, None, "cosine"),
        ("4", 0.15, True, 8e-6, None, "cosine"),
        ("4-stronger", 0.15, True, 5e-6, None, "cosine"),
    ]
    assert (config.optimiser.beta1, config.optimiser.beta2) == (0.9, 0.999)
    assert (config.optimiser.weight_decay, config.optimiser.clip) == (1e-4, 10.0)
    assert (config.batch.start, config.batch.most) == (4, 32)


@pytest.mark.parametrize("name", ["tiny", "token-unet"])
def test_losses_become_more_from_tokens_alone_to_all_of_them(name: str) -> None:
    active = [set(stage.losses) for stage in load_config(name).stages]
    assert active[0] == {"token"}
    assert all(before <= after for before, after in pairwise(active))
    assert active[4] == active[-1] == set(LOSSES)


def test_paths_count_from_the_folder_of_the_file(path: Path) -> None:
    config = load_config(path)
    home = path.parent
    assert config.output == str(home / "out")
    assert config.bundles == (str(home / "bundles"), "/elsewhere")
    assert config.codec_weights == str(home / "weights.th")
    (home / "codec").mkdir()
    assert load_config(path).codec == "codec"  # a name, whatever lies there
    path.write_text(TINY.replace('"codec"', '"./codec"'))
    assert load_config(path).codec == str(home / "codec")


def test_paths_of_the_command_line_count_from_where_it_is_typed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent.parent)
    config = load_config("home/my.toml", {"output": "here", "bundles": ("mine",), "seed": 4, "codec": None})
    assert (config.output, config.bundles) == (os.path.abspath("here"), (os.path.abspath("mine"),))
    assert config.seed == 4
    assert load_config("tiny").output == os.path.abspath("runs/tiny")


def test_every_loss_that_is_used_has_its_weight_spelled_out(path: Path) -> None:
    assert load_config(path).loss == {"token": LOSSES["token"].weight, "mask": LOSSES["mask"].weight}
    path.write_text(TINY.replace("[[stage]]", "[loss]\nmask = 0.5\n[[stage]]"))
    assert load_config(path).loss == {"token": LOSSES["token"].weight, "mask": 0.5}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("size =", "sise =", "my.toml, line 3: unknown key 'sise'; did you mean 'size'?"),
        (
            '"token-unet"',
            '"unet"',
            "my.toml, line 2: expected kind = one of token-unet, copy, frequency, unet-1d, codec",
        ),
        (
            "[[stage]]",
            '[data]\nlatents = "decoded"\n[[stage]]',
            "my.toml, line 9: expected latents = one of 'codes', 'encoded', found 'decoded'",
        ),
        ("[[stage]]", "[loss]\nmel = 1\n[[stage]]", "[loss]: mel has a weight, but no stage names it in its losses"),
    ],
)
def test_a_config_that_cannot_be_is_refused(path: Path, before: str, after: str, message: str) -> None:
    path.write_text(TINY.replace(before, after))
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(path)


def test_a_name_that_none_has_is_told_what_there_is() -> None:
    with pytest.raises(
        ConfigError, match=r"one of light, light-codec, tiny, token-unet, or the path .* did you mean 'tiny'\?"
    ):
        load_config("tinny")
    with pytest.raises(ConfigError, match=r"expected a training config, one of .* found ''"):
        load_config("")


def test_what_makes_another_training_is_named_and_what_does_not_is_passed_over(path: Path) -> None:
    config = load_config(path)
    kept = as_table(config)
    assert differences(config, kept) == []
    stage = replace(config.stages[0], learning_rate=0.5)
    data, batch = replace(config.data, latents="encoded"), replace(config.batch, most=8)
    other = replace(config, seed=3, stages=(stage,), data=data, batch=batch, codec="elsewhere")
    assert differences(other, kept) == [
        "seed was 0, now 3",
        "data.latents was codes, now encoded",
        "batch.most was 32, now 8",
        "stage.1.learning_rate was 0.001, now 0.5",
    ]
    moved = replace(
        config, output="x", bundles=("y",), data=replace(config.data, workers=3), keep=replace(config.keep, samples=0)
    )
    assert differences(moved, kept) == []
    assert differences(replace(config, codec_weights=None), kept) == []
