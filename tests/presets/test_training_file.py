"""Training configs: what is written is read as the same, and every mistake is named with its line."""

import re
from pathlib import Path

import pytest

from rebounce.presets.training_config import Advance, Batch, Data, TrainingConfig, TrainingStage
from rebounce.presets.training_file import Known, as_table, format_training, parse_training, read_training_file

KNOWN = Known(
    sizes={"token-unet": ("light", "tiny"), "copy": ("tiny",), "codec": ("light",)},
    losses=("token", "mask", "token-spectrum"),
    codec_training={"steps": 12_000, "clip": 3.0},
)
GOOD = """kind = "token-unet"
size = "tiny"
codec = "light"
bundles = ["one", "two"]
output = "out"

[batch]
most = 16

[loss]
token-spectrum = 2

[advance]
patience_epochs = 4

[[stage]]
name = "0"
learning_rate = 5e-4
epochs = 15
losses = ["token"]

[[stage]]
name = "1"
learning_rate = 1e-4
max_epochs = 20
dropout = 0.1
losses = ["token", "token-spectrum"]
[stage.advance]
delta = 0.5
"""
CODEC = """kind = "codec"
size = "light"
output = "out"
music = ["Masters"]
[codec_training]
steps = 5
clip = 1
"""
STAGES = (
    TrainingStage(name="0", learning_rate=5e-4, epochs=15, losses=("token",), advance=Advance(patience_epochs=4)),
    TrainingStage(
        name="1",
        learning_rate=1e-4,
        max_epochs=20,
        dropout=0.1,
        losses=("token", "token-spectrum"),
        advance=Advance(patience_epochs=4, delta=0.5),
    ),
)


def test_a_config_says_what_its_file_says() -> None:
    assert parse_training(GOOD, "good.toml", KNOWN) == TrainingConfig(
        kind="token-unet",
        size="tiny",
        codec="light",
        bundles=("one", "two"),
        output="out",
        batch=Batch(most=16),
        loss={"token-spectrum": 2.0},
        stages=STAGES,
    )


def test_a_codec_has_music_and_numbers_of_its_own() -> None:
    config = parse_training(CODEC, "codec.toml", KNOWN)
    assert (config.music, config.codec_training, config.stages) == (("Masters",), {"steps": 5, "clip": 1}, ())


@pytest.mark.parametrize("text", [GOOD, CODEC])
def test_what_is_written_is_read_as_the_same(text: str) -> None:
    config = parse_training(text, "x", KNOWN)
    assert parse_training(format_training(config), "x", KNOWN) == config


def test_a_table_holds_every_value_that_is_set() -> None:
    table = as_table(parse_training(GOOD, "x", KNOWN))
    assert table["stage"][1]["advance"]["delta"] == 0.5
    assert table["data"] == {
        "windows": 8, "mixed_items": 32, "workers": 0, "clean_share": 0.0, "latents": "codes"
    }  # fmt: skip
    assert "music" not in table


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("codec =", "codc =", "line 3: unknown key 'codc'; did you mean 'codec'?"),
        (
            '"token-unet"',
            '"token-net"',
            "line 1: expected kind = one of token-unet, copy, codec, found 'token-net'; did",
        ),
        ('"tiny"', '"tny"', "line 2: expected size = one of light, tiny, found 'tny'; did you mean 'tiny'?"),
        ('"token-unet"', '"copy"\nmusic = ["x"]', 'line 2: music means nothing for kind = "copy"; leave it out'),
        ('bundles = ["one", "two"]', "", 'line 1: expected bundles, as kind = "token-unet" needs it, found none'),
        ('["one", "two"]', '["one", "one"]', "line 4: expected bundles = a list of texts, each once"),
        ('output = "out"', "", "line 1: expected output = text in quotes, found no such key"),
        ('output = "out"', 'output = ""', "line 5: expected output = text in quotes, found ''"),
        ("most = 16", "mast = 16", "line 8: unknown key 'mast'; did you mean 'most'?"),
        ("most = 16", "most = 2", "line 7: [batch]: expected most of at least start = 4, found 2"),
        ("most = 16", "most = true", "line 8: expected most = a whole number from 1 to 65536, found True"),
        ("most = 16", 'grow = "yes"', "line 8: expected grow = one of 'cuda', 'always', 'never', found 'yes'"),
        ("[batch]", "[[batch]]", "line 7: expected [batch] as a table, found batch = [{'most': 16}]"),
        (
            "token-spectrum = 2",
            "spectrum = 2",
            "line 11: expected a key of [loss] = one of token, mask, token-spectrum",
        ),
        ("token-spectrum = 2", "mask = -1", "line 11: expected mask = a number from 0 to 1e+06, found -1"),
        ("patience_epochs = 4", "patience = 4", "line 14: unknown key 'patience'; did you mean 'patience_epochs'?"),
        ("delta = 0.5", "delta = inf", "line 29: expected delta = a number from 0 to 1e+06, found inf"),
        ("5e-4", "nan", "line 18: expected learning_rate = a number from 1e-12 to 10, found nan"),
        ('name = "1"', 'name = "0"', "line 23: stage '0' stands here twice; give each a name of its own"),
        ('name = "1"', 'name = "../1"', "line 23: expected name = a name that can name a folder too, found '../1'"),
        ('name = "1"', "", "line 22: expected name = text in quotes, found no such key"),
        ("epochs = 15", "", "line 16: stage '0': expected epochs = a fixed number, or max_epochs, and not both"),
        ("epochs = 15", "epochs = 15\nmax_epochs = 9", "line 16: stage '0': expected epochs = a fixed number, or max"),
        ("epochs = 15", "epochs = 15\nmin_epochs = 9", "line 16: stage '0': min_epochs means nothing beside a fixed"),
        ("max_epochs = 20", "max_epochs = 20\nmin_epochs = 30", "line 22: stage '1': min_epochs = 30 is more than 20"),
        (
            'losses = ["token"]',
            'losses = ["tokens"]',
            "line 20: expected losses = one of token, mask, token-spectrum, fo",
        ),
        (
            'losses = ["token"]',
            "losses = []",
            "line 20: expected losses = a list of texts in quotes, one at least, found",
        ),
        ('losses = ["token"]', 'losses = "token"', "line 20: expected losses = a list of texts in quotes"),
        ("[[stage]]", "[[stages]]", "line 16: unknown key 'stages'; did you mean 'stage'?"),
        ("dropout = 0.1", "dropout = 1.0", "line 26: expected dropout = a number from 0 to 0.95, found 1.0"),
        ("kind =", "kind", "not valid TOML"),
    ],
)
def test_every_mistake_is_named_with_its_line(before: str, after: str, message: str) -> None:
    assert before in GOOD
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse_training(GOOD.replace(before, after), "my.toml", KNOWN)
    assert str(caught.value).startswith("my.toml")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "steps = 5",
            "step = 5",
            "line 6: expected a key of [codec_training] = one of steps, clip, found 'step'; did you",
        ),
        ("steps = 5", "steps = 5.5", "line 6: expected steps = a whole number of 0 or more, found 5.5"),
        ("steps = 5", "steps = -5", "line 6: expected steps = a whole number of 0 or more, found -5"),
        ("clip = 1", "clip = true", "line 7: expected clip = a number of 0 or more, found True"),
        ("clip = 1", "clip = nan", "line 7: expected clip = a number of 0 or more, found nan"),
        ("music", 'bundles = ["b"]\nmusic', 'line 4: bundles means nothing for kind = "codec"; leave it out'),
        ("[codec_training]", "[batch]", 'line 5: batch means nothing for kind = "codec"; leave it out'),
        ('music = ["Masters"]', "", 'line 1: expected music, as kind = "codec" needs it, found none'),
    ],
)
def test_every_mistake_about_a_codec_is_named_with_its_line(before: str, after: str, message: str) -> None:
    assert before in CODEC
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_training(CODEC.replace(before, after), "my.toml", KNOWN)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"none\.toml: expected a training config in TOML, but it cannot be read: No such"
    ):
        read_training_file(tmp_path / "none.toml", KNOWN)
    (tmp_path / "there.toml").write_text(GOOD)
    assert read_training_file(tmp_path / "there.toml", KNOWN).stages == STAGES


def test_a_config_made_in_a_script_is_checked_as_well() -> None:
    with pytest.raises(
        ValueError, match=re.escape("[data]: expected windows = a whole number from 1 to 100000, found 0")
    ):
        Data(windows=0)
    with pytest.raises(ValueError, match="stage 'x': expected bottleneck = true or false, found 1"):
        TrainingStage(name="x", learning_rate=1e-3, losses=("token",), epochs=1, bottleneck=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="stage '0' stands here twice"):
        TrainingConfig(
            kind="copy", size="tiny", output="x", bundles=("b",), codec="light", stages=(STAGES[0], STAGES[0])
        )


def test_a_stage_learns_from_the_bundles_of_its_name_or_of_those_it_names() -> None:
    assert [stage.folders for stage in STAGES] == [("0",), ("1",)]
    both = TrainingStage(name="1", learning_rate=1e-3, losses=("token",), epochs=1, bundle_stages=("0", "1"))
    assert both.folders == ("0", "1")
