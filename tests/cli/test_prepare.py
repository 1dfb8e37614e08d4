"""`rebounce prepare`: every bundle in its place, every bad master named, and nothing done twice or by mistake."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import RATE_HZ, files_below, rebounce, rebounce_many, write
from preparing_masters import call, write_setting
from signals import noise

from rebounce.training.bundle import read_bundle
from rebounce.training.tracks import open_track, split_of


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two masters that are fine, and every kind of one that is not."""
    folder = write_setting(tmp_path_factory.mktemp("setting"), masters=1, seconds=1.5)
    write(folder / "masters/mono at 8 kHz.wav", noise(2_000, channels=1), "PCM_16", rate_hz=8_000)
    write(folder / "masters/surround.wav", noise(2_000, channels=6), "PCM_16")
    write(folder / "masters/empty.wav", np.zeros((2, 0), np.float32), "PCM_16")
    (folder / "masters/broken.wav").write_bytes(b"RIFF and nothing more")
    write(folder / "masters/cut off.flac", noise(RATE_HZ), "PCM_16")
    cut_off = folder / "masters/cut off.flac"
    cut_off.write_bytes(cut_off.read_bytes()[:50_000])
    return folder


FINE = ("0.wav", "mono at 8 kHz.wav")


def expected_files(setting: Path) -> list[str]:
    tracks = [open_track(setting / "masters" / name) for name in FINE]
    bundles = [
        f"{stage}/{split_of(track.sha256)}/{track.sha256[:16]}-0.safetensors" for stage in "01" for track in tracks
    ]
    return sorted([*bundles, "prepare.json"])


def test_masters_become_bundles_and_bad_ones_are_named_and_passed_over(setting: Path, tmp_path: Path) -> None:
    one = rebounce(*call(setting, tmp_path / "one", "--json", "--features", "stft,mel"))
    assert one.code == 1
    assert files_below(tmp_path / "one") == expected_files(setting)
    made = [record for record in one.records if record["status"] == "made"]
    assert sorted((record["stage"], Path(record["track"]).name) for record in made) == [
        (stage, name) for stage in "01" for name in FINE
    ]
    for record in made:
        bundle = read_bundle(Path(record["bundle"]), features=["mel", "stft"])
        assert (record["stage"], record["index"], record["error"]) == (bundle.stage, bundle.index, None)
        assert record["bytes"] == Path(record["bundle"]).stat().st_size
    errors = [record["error"] for record in one.records if record["status"] == "error"]
    for name in ("surround.wav", "empty.wav", "broken.wav", "cut off.flac"):
        assert [error for error in errors if f"masters/{name}: " in error] != [], name

    # Two processes, the same bytes; the master that fails in each stage is told of once.
    two = rebounce(*call(setting, tmp_path / "two", "--jobs", 2, "--features", "mel,stft", "-v"))
    assert two.code == 1
    for name in expected_files(setting):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert two.err.count("surround.wav: 6 channels") == 1
    assert two.out.count("made      ") == 4
    assert f"4 made, 0 kept, 4 failed: {tmp_path / 'two'}" in two.out

    # The same again, with the good masters moved: nothing is left to do, and nothing fails.
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in FINE:
        shutil.copy(setting / "masters" / name, moved / f"renamed {name}")
    arguments = call(setting, tmp_path / "two", "--features", "mel,stft", "--json")
    again = rebounce("prepare", moved, *arguments[2:])
    assert again.code == 0
    assert [record["status"] for record in again.records] == ["kept"] * 4


def test_a_dry_run_says_what_it_would_take_and_leaves_nothing(setting: Path, tmp_path: Path) -> None:
    told, plain = rebounce_many(
        [
            call(setting, tmp_path / "out", "--dry-run", "--json", "--items", 3),
            call(setting, tmp_path / "out", "--dry-run", "--stages", "1"),
        ]
    )
    need = told.records[-1]
    assert (need["bundles"], need["kept"]) == (3 * 2 * 4, 0)
    assert 0 < need["bytes"] < 24 * 50_000
    assert need["seconds"] > 0
    assert plain.out.startswith("4 bundles to make, 0 are there: ")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_is_refused_before_anything_is_done(setting: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.safetensors").write_bytes((setting / "weights.safetensors").read_bytes()[:1000])
    (tmp_path / "escape.toml").write_text('recipe = "readme"\n[[stage]]\nname = "../x"\ncount = 1\n')
    other = call(setting, tmp_path / "out")[2:]
    cases: list[tuple[list[object], int, str]] = [
        (["prepare", *other], 2, "expected at least one file or folder of masters"),
        (["prepare", tmp_path / "empty", *other], 2, "empty: expected audio files"),
        (["prepare", tmp_path / "none.wav", *other], 1, "none.wav: expected a file or folder, found nothing"),
        (call(setting, tmp_path / "out", "--stages", "1,7"), 2, "curriculum small has no stage '7'; it has 0, 1"),
        (call(setting, tmp_path / "out", "--features", "mel,mfcc"), 2, "--features: expected mel, stft"),
        (call(setting, tmp_path / "out", "--codec", "opus"), 2, "--codec opus: expected encodec"),
        (call(setting, tmp_path / "out", "--curriculum", "nope"), 2, "expected a curriculum"),
        (call(setting, tmp_path / "out", "--curriculum", tmp_path / "escape.toml"), 2, "stage '../x': expected a name"),
        (call(setting, tmp_path / "out", "--weights", tmp_path / "none"), 1, f"{tmp_path}/none: the weights cannot be"),
        (call(setting, tmp_path / "out", "--weights", tmp_path / "cut.safetensors"), 1, "cut.safetensors: expected"),
        (call(setting, tmp_path / "out", "--seconds", "nan"), 2, "expected a number, found nan"),
        (call(setting, tmp_path / "out", "--seconds", "0.5"), 2, "0.5 is not in the range"),
        (call(setting, tmp_path / "out", "-q", "-v"), 2, "--quiet and --verbose exclude each other"),
    ]
    outcomes = rebounce_many([case for case, _, _ in cases])
    for outcome, (case, code, message) in zip(outcomes, cases, strict=True):
        assert (outcome.code, message in outcome.err) == (code, True), (case, outcome)
        assert "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()


def test_other_settings_in_the_same_folder_are_refused(setting: Path, tmp_path: Path) -> None:
    settings = {
        "curriculum": "small", "curriculum_sha256": "ab", "codec_id": "c", "weights_sha256": "cd" * 32,
        "features": [], "seconds": 30.0, "seed": 0, "version": 1,
    }  # fmt: skip
    (tmp_path / "prepare.json").write_text(json.dumps(settings))
    (refused,) = rebounce_many([call(setting, tmp_path, "--seed", 5)])
    assert refused.code == 2
    assert "content of the curriculum ab, now" in refused.err
    assert "codec weights cdcdcdcdcdcd, now" in refused.err
    assert "seed 0, now 5); name another folder with -o" in refused.err
    assert files_below(tmp_path) == ["prepare.json"]


def test_a_light_install_is_told_what_is_missing(tmp_path: Path) -> None:
    """A fresh interpreter in which safetensors cannot be imported, as where only restoring was installed."""
    code = (
        "import sys\n"
        "sys.modules['safetensors'] = None\n"
        "from rebounce.cli import main\n"
        f"sys.argv = ['rebounce', 'prepare', {str(tmp_path)!r}, '-o', {str(tmp_path / 'out')!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("rebounce: prepare: the package safetensors")
    assert 'pip install "rebounce[train]"' in done.stderr
