"""A codec trained as a config says, from folders of music to a checkpoint; and what is refused in a sentence."""

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import write
from signals import noise
from tiny_codec_training import RATE_HZ
from torch_threads import threads

from rebounce.engine.errors import UsageError
from rebounce.presets.training_config import TrainingConfig
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.codec_from_config import train_codec_from
from rebounce.training.tracks import open_track, split_of

SHORT: dict[str, Any] = {
    "steps": 4,
    "mono_steps": 1,
    "plain_steps": 2,
    "batch": 2,
    "crop_tokens": 8,
    "level_tokens": 16,
    "cluster_vectors": 64,
    "validate_every_steps": 2,
    "validation_windows": 2,
    "save_every_steps": 2,
}


def config(folder: Path, **changes: float) -> TrainingConfig:
    return TrainingConfig(
        kind="codec",
        size="tiny",
        output=str(folder / "out"),
        music=(str(folder / "music"),),
        codec_training={**SHORT, **changes},
    )


def music(folder: Path, wanted: dict[str, int]) -> dict[str, list[str]]:
    """So many tracks of each split; returns their names."""
    found: dict[str, list[str]] = {split: [] for split in wanted}
    for seed in count():
        path = write(folder / "music" / f"{seed}.wav", noise(8_000, seed=seed) * 0.3, rate_hz=RATE_HZ)
        split = split_of(open_track(path).sha256)
        if len(found.get(split, [])) < wanted.get(split, 0):
            found[split].append(path.name)
        else:
            path.unlink()
        if all(len(found[split]) == wanted[split] for split in wanted):
            return found
    raise AssertionError


def test_from_music_to_a_checkpoint_with_all_that_is_told_of_it(tmp_path: Path) -> None:
    names = music(tmp_path, {"train": 2, "validation": 1})
    write(tmp_path / "music" / "wide.wav", np.zeros((6, 100), dtype=np.float32))
    (tmp_path / "music" / "licences.toml").write_text('"*" = "CC0"\n')
    said: list[str] = []
    steps: list[tuple[int, int, str]] = []
    with threads(1):
        path = train_codec_from(
            config(tmp_path), say=said.append, on_step=lambda step, most, label: steps.append((step, most, label))
        )
    assert [(step, most) for step, most, _ in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert steps[0][2] == "plain, step 1"
    assert steps[3][2].startswith("quantised, step 4, round trip ")
    assert any(sentence.endswith("wide.wav: 6 channels, expected mono or stereo; left out") for sentence in said)
    assert "2 of 3 tracks to learn from, on cpu" in said
    state = read_checkpoint(path)
    assert (state["step"], state["kind"]) == (4, "light-codec")
    card = (tmp_path / "out" / "data-card.md").read_text()
    assert card == state["data_card"]
    assert all(f"| {name} | CC0 | 0.2 |" in card for name in names["train"])
    assert not any(name in card for name in names["validation"])
    assert len((tmp_path / "out" / "validation.csv").read_text().splitlines()) == 3


def test_it_goes_on_where_it_was_asked_to(tmp_path: Path) -> None:
    music(tmp_path, {"train": 1, "validation": 1})
    said: list[str] = []
    with threads(1):
        train_codec_from(config(tmp_path))
        before = (tmp_path / "out" / "last.pt").read_bytes()
        with pytest.raises(UsageError, match="a training is there already; go on with it with --resume"):
            train_codec_from(config(tmp_path))
        train_codec_from(config(tmp_path), is_resumed=True, say=said.append)
    assert "going on after step 4 of 4" in said
    assert not any(sentence.startswith("reading") for sentence in said)
    assert (tmp_path / "out" / "last.pt").read_bytes() == before
    with pytest.raises(UsageError, match=r"found steps = 5 instead of 4; put them back"):
        train_codec_from(config(tmp_path, steps=5), is_resumed=True)


def test_with_nothing_held_out_all_music_is_learned_from(tmp_path: Path) -> None:
    music(tmp_path, {"validation": 2})
    said: list[str] = []
    with threads(1):
        path = train_codec_from(config(tmp_path, validation_windows=0), say=said.append)
    assert "2 of 2 tracks to learn from, on cpu" in said
    assert "step 2 of 4: no music is held out, nothing to validate with" in said
    assert read_checkpoint(path)["validation"] == {}


@pytest.mark.parametrize(
    ("wanted", "changes", "told"),
    [
        ({"train": 2}, {}, r"a track of 0.1 s or more to validate with, found none among 0 of 2 tracks; tracks fall"),
        ({"validation": 1}, {}, r"a track of 0.1 s or more to learn from, found none among 0 of 1 tracks; tracks fall"),
        (
            {"train": 1, "validation": 1},
            {"level_tokens": 26},
            r"0.2 s or more to learn from, found none among 1 of 2 tr",
        ),
    ],
)
def test_music_that_is_not_enough_is_refused(
    tmp_path: Path, wanted: dict[str, int], changes: dict[str, float], told: str
) -> None:
    music(tmp_path, wanted)
    with pytest.raises(UsageError, match=told):
        train_codec_from(config(tmp_path, **changes))
    assert not (tmp_path / "out").exists()


def test_no_music_nothing_to_go_on_from_and_silence_are_refused(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    with pytest.raises(UsageError, match="expected audio files"):
        train_codec_from(config(tmp_path))
    with pytest.raises(UsageError, match="expected a checkpoint to go on from, found none; leave --resume out"):
        train_codec_from(config(tmp_path), is_resumed=True)
    write(tmp_path / "music" / "silent.wav", np.zeros((2, 8_000), dtype=np.float32), rate_hz=RATE_HZ)
    with threads(1), pytest.raises(UsageError, match="pieces in a row are silent; name folders with music in them"):
        train_codec_from(config(tmp_path, validation_windows=0))
    write(tmp_path / "music" / "silent.wav", np.zeros((6, 8_000), dtype=np.float32), rate_hz=RATE_HZ)
    with pytest.raises(UsageError, match="found none that can be used"):
        train_codec_from(config(tmp_path))
