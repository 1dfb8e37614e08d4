"""`--album`: one level change for all files, so that they keep their balance."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import rebounce

RATE_HZ = 44_100


def write(path: Path, level: float, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, level, (RATE_HZ, 2)), RATE_HZ, subtype="PCM_24")
    return path


def change_db(record: dict[str, object]) -> float:
    """How far the loudness moved."""
    return float(str(record["level_change_db"]))


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    path = tmp_path / "finish.toml"
    path.write_text('[[chain]]\nplugin = "Finish"\nlevel_db = -30\n', encoding="utf-8")
    return path


def test_loud_and_soft_songs_move_by_the_same_gain(tmp_path: Path, chain: Path) -> None:
    write(tmp_path / "in/loud.wav", 0.1, 1)
    write(tmp_path / "in/soft.wav", 0.05, 2)
    done = rebounce("restore", tmp_path / "in", "-o", tmp_path / "out", "--preset", chain, "--album", "--json")
    loud, soft = done.records
    assert change_db(loud) == pytest.approx(change_db(soft), abs=0.01)
    assert float(loud["lufs_out"]) > -30 > float(soft["lufs_out"])
    again = rebounce("restore", tmp_path / "in", "-o", tmp_path / "out", "--preset", chain, "--album", "--json")
    assert again.statuses() == {"loud.wav": "skipped", "soft.wav": "skipped"}


def test_a_song_added_to_a_finished_album_upsets_no_balance(tmp_path: Path, chain: Path) -> None:
    write(tmp_path / "in/one.wav", 0.05, 1)
    call = ("restore", tmp_path / "in", "-o", tmp_path / "out", "--preset", chain, "--album")
    assert rebounce(*call).code == 0
    write(tmp_path / "in/two.wav", 0.2, 2)
    refused = rebounce(*call)
    assert refused.code == 2
    assert "--force" in refused.err
    assert not (tmp_path / "out/two.wav").exists()
    assert rebounce(*call, "--force").code == 0


def test_without_a_level_target_the_song_that_would_clip_decides_for_all(tmp_path: Path) -> None:
    hot = tmp_path / "hot.toml"
    hot.write_text('[[chain]]\nplugin = "Gain"\ngain_db = 6\n', encoding="utf-8")
    write(tmp_path / "in/loud.wav", 0.2, 1)
    write(tmp_path / "in/soft.wav", 0.02, 2)
    done = rebounce("restore", tmp_path / "in", "-o", tmp_path / "out", "--preset", hot, "--album", "--json")
    assert change_db(done.records[0]) == pytest.approx(change_db(done.records[1]), abs=0.01)
    assert all(record["clipped_samples"] == 0 for record in done.records)
