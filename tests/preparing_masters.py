"""What the tests of `rebounce prepare` share: masters, weights and a curriculum that are done soon."""

from pathlib import Path

from commands import write
from signals import noise

from rebounce.training.encodec_weights import random_weights, save_weights

RECIPE = """
count = 1
[[fault]]
fault = "gain"
[[fault]]
fault = "eq"
"""
CURRICULUM = """
recipe = "small.recipe.toml"
[[stage]]
name = "0"
count = 0
[[stage]]
name = "1"
count = 1
"""


def write_setting(folder: Path, masters: int, seconds: float) -> Path:
    """A folder with `masters/`, random weights and a curriculum of two stages."""
    for number in range(masters):
        write(folder / f"masters/{number}.wav", noise(int(seconds * 44_100), seed=number), "PCM_16")
    save_weights(folder / "weights.safetensors", random_weights(0))
    (folder / "small.recipe.toml").write_text(RECIPE)
    (folder / "small.toml").write_text(CURRICULUM)
    return folder


def call(setting: Path, out: Path, *more: object) -> list[object]:
    """`rebounce prepare` of all of it, with the smallest tokens there are."""
    options = ["--curriculum", setting / "small.toml", "--weights", setting / "weights.safetensors", "--bandwidth", 3]
    return ["prepare", setting / "masters", "-o", out, *options, *more]
