"""The pictures of a training: they come out for any rows, and show what is there."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from rebounce.training.trainer.pictures import draw_losses, draw_spectrograms

ROW = {
    "stage": "0", "epoch": "0", "training.loss": "", "validation.loss": "2.0", "validation.token": "1.5",
    "validation.mel": "", "validation.accuracy": "0.5", "validation.copy_accuracy": "0.25",
}  # fmt: skip
RATE_HZ = 48_000


def blue(path: Path) -> int:
    """How many pixels have the colour of a panel's first line."""
    picture = np.asarray(imread(path))[..., :3]
    return int((np.abs(picture - np.array([0x1F, 0x77, 0xB4]) / 255).max(axis=-1) < 0.02).sum())


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [ROW],
        [{**ROW, "validation.loss": "0.0", "validation.token": "0.0"}],
        [ROW, {**ROW, "epoch": "1", "training.loss": "3.0", "validation.mel": "0.1"}],
    ],
)
def test_any_rows_can_be_drawn(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    draw_losses(tmp_path / "losses.png", rows)
    assert np.asarray(imread(tmp_path / "losses.png")).shape == (800, 1000, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["losses.png"]


def test_a_loss_that_is_there_is_seen(tmp_path: Path) -> None:
    later = [{**ROW, "epoch": str(epoch), "training.loss": str(1 / epoch)} for epoch in range(1, 6)]
    draw_losses(tmp_path / "with.png", [ROW, *later])
    draw_losses(tmp_path / "without.png", [ROW, *[{**row, "training.loss": ""} for row in later]])
    assert blue(tmp_path / "with.png") > blue(tmp_path / "without.png") + 100


@pytest.mark.parametrize("kilohertz", [6, 18])
def test_a_tone_stands_at_its_pitch(tmp_path: Path, kilohertz: int) -> None:
    tone = np.sin(2 * np.pi * kilohertz * 1000 / RATE_HZ * np.arange(9600))
    both = np.stack([tone, tone]).astype(np.float32)
    draw_spectrograms(tmp_path / "a.png", [{"damaged": both, "clean": np.zeros_like(both)}], RATE_HZ)
    picture = np.asarray(imread(tmp_path / "a.png"))
    # The panel goes from 18% to 92% of the height, from the bottom: 0 to 24 kHz.
    top, bottom = 280 * (1 - 0.92), 280 * (1 - 0.18)
    inside = picture[int(top) + 3 : int(bottom) - 3, 150:450, :2]
    row = np.argmax(inside.sum(axis=(1, 2)))  # red and green: the louder, the more of them
    assert int(row) + int(top) + 3 == pytest.approx(bottom - (bottom - top) * kilohertz / 24, abs=3)


def test_silence_can_be_drawn(tmp_path: Path) -> None:
    silence = {name: np.zeros((2, 5120), np.float32) for name in ("damaged", "restored", "clean")}
    draw_spectrograms(tmp_path / "a.png", [silence] * 3, RATE_HZ)
    assert np.asarray(imread(tmp_path / "a.png")).shape == (840, 1000, 4)
