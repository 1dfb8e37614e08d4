"""`rebounce demo`: the main job end to end on a mix that it makes itself."""

import json
from pathlib import Path

import pytest
import soundfile
from commands import Outcome, files_below, parts, rebounce

SECONDS = 10
LEFT_BEHIND = ["clean.wav", "damaged.wav", "report.html", "restored.wav"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """A short demo as a person sees it; in less music an echo cannot be told."""
    folder = tmp_path_factory.mktemp("demo")
    return rebounce("demo", "-o", folder, "--seconds", SECONDS), folder


def test_it_leaves_three_wavs_and_a_page_and_says_where(shown: tuple[Outcome, Path]) -> None:
    done, folder = shown
    assert (done.code, done.err) == (0, "")
    assert [name for name in files_below(folder) if name in LEFT_BEHIND] == LEFT_BEHIND
    assert all(str(folder / name) in done.out for name in LEFT_BEHIND)
    infos = [soundfile.info(folder / name) for name in LEFT_BEHIND if name.endswith(".wav")]
    assert {(info.frames, info.channels, info.samplerate) for info in infos} == {(SECONDS * 44_100, 2, 44_100)}
    assert parts(folder) == []


def test_the_table_shows_that_the_mix_came_back(shown: tuple[Outcome, Path]) -> None:
    (row,) = [line for line in shown[0].out.splitlines() if "likeness to the clean mix" in line]
    damaged, restored = (float(cell) for cell in row.replace("│", "|").split("|")[3:5])
    assert restored > damaged + 10


def test_it_says_what_became_of_the_clean_mix(shown: tuple[Outcome, Path], tmp_path: Path) -> None:
    assert "The clean mix, given to the same preset, came back byte for byte." in shown[0].out
    other = rebounce("demo", "-o", tmp_path, "--seconds", 5, "--preset", "five-stage").out
    assert "was changed too:" in other
    assert other.count("Finish: turned up by") == 2


def test_a_second_demo_makes_the_same_files_and_none_needs_torch(shown: tuple[Outcome, Path], tmp_path: Path) -> None:
    done, folder = shown
    before = {name: (folder / name).read_bytes() for name in LEFT_BEHIND if name.endswith(".wav")}
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    again = rebounce("demo", "-o", folder, "--seconds", SECONDS, "--json", under=("env", f"PYTHONPATH={tmp_path}"))
    assert again.code == done.code == 0
    record = json.loads(again.out)
    assert (record["status"], record["preset"]) == ("restored", "auto")
    assert {name: (folder / name).read_bytes() for name in before} == before
