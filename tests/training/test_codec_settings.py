"""The numbers that a codec is trained with: what is refused, and what may differ when a run goes on."""

import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from rebounce.engine.errors import ConfigError
from rebounce.presets.training_config import TrainingConfig
from rebounce.presets.training_file import parse_training
from rebounce.training.codec_settings import SIZES, CodecTraining, difference, settings_of, usual_settings
from rebounce.training.networks import light_codec
from rebounce.training.trainer.configs import known


def config(size: str = "tiny", seed: int = 7, **codec_training: float) -> TrainingConfig:
    return TrainingConfig(
        kind="codec", size=size, output="out", music=("music",), seed=seed, codec_training=codec_training
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 0}, "expected steps of 1 or more, found 0"),
        ({"batch": 1}, "expected batch of 2 or more, found 1"),
        ({"learning_rate": 0.0}, "expected learning_rate between 0 and 1, found 0"),
        ({"learning_rate": 1.0}, "expected learning_rate between 0 and 1, found 1"),
        ({"clip": 0.0}, "expected clip above 0, found 0"),
        ({"commitment": -0.1}, "expected commitment of 0 or more, found -0.1"),
        ({"crop_tokens": 321}, "expected crop_tokens of level_tokens = 320 at most, found 321"),
        (
            {"plain_steps": 12_000},
            "expected mono_steps of plain_steps at most, and plain_steps below steps, found 2500, 12000",
        ),
        ({"mono_steps": 4_001}, "found 4001, 4000 and 12000"),
        ({"save_every_steps": 0}, "expected save_every_steps of 1 or more, found 0"),
        ({"validation_windows": -1}, "expected validation_windows of 0 or more, found -1"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        CodecTraining(**changes)  # type: ignore[arg-type]


def test_a_config_changes_what_it_names_and_brings_the_seed() -> None:
    found = settings_of(config(steps=50, plain_steps=5, mono_steps=0))
    assert found == CodecTraining(steps=50, plain_steps=5, mono_steps=0, seed=7)


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected light or tiny for a codec, found 'large'"):
        settings_of(config(size="large"))


def test_the_sizes_are_those_of_the_network() -> None:
    assert tuple(light_codec.SIZES) == SIZES


def test_every_setting_but_the_seed_can_be_set() -> None:
    usual = usual_settings()
    assert [*usual, "seed"] == [field.name for field in fields(CodecTraining)]
    assert settings_of(config("tiny", 0, **usual)) == CodecTraining()


def test_only_what_is_learned_stops_a_run_from_going_on() -> None:
    before = asdict(CodecTraining())
    assert difference(before, CodecTraining()) == ""
    assert difference(before, CodecTraining(save_every_steps=1, log_every_steps=1)) == ""
    told = difference(before, replace(CodecTraining(), batch=4, seed=1))
    assert told == "batch = 4 instead of 6, seed = 1 instead of 0"
    del before["clip"]
    assert difference(before, CodecTraining()) == "clip = 3.0 instead of None"


def test_the_docs_show_a_config_and_tell_every_number() -> None:
    text = (Path(__file__).parents[2] / "docs" / "codec.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert settings_of(parse_training(shown, "docs", known())) == CodecTraining()
    assert [name for name in usual_settings() if f"`{name}`" not in text] == []
