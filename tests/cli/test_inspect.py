from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import rebounce
from signals import noise

from rebounce.engine.audio import Audio

RATE = 44_100


def write(path: Path, audio: Audio) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, RATE, subtype="PCM_24")
    return path


@pytest.fixture
def offset(tmp_path: Path) -> Path:
    """A file whose waveform does not lie around zero."""
    return write(tmp_path / "offset.wav", noise(5 * RATE, level=0.05) + np.float32(0.2))


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Noise that rises and falls: nothing is wrong with it."""
    swell = np.sin(np.pi * np.arange(5 * RATE) / (5 * RATE)) ** 2
    return write(tmp_path / "clean.wav", (noise(5 * RATE, level=0.1) * swell).astype(np.float32))


def test_a_person_reads_what_is_wrong_and_what_would_be_done(offset: Path) -> None:
    done = rebounce("inspect", offset)
    assert done.code == 0
    head, *lines = done.out.splitlines()
    assert head.startswith(f"{offset}  (44.1 kHz, stereo, 24 bit, 0:05.0, ")
    assert "LUFS" in head
    assert any(line.strip().startswith("Direct-current offset, ") and "would be removed" in line for line in lines)


def test_where_nothing_is_wrong_it_says_so(clean: Path) -> None:
    assert "dc" not in [found["fault"] for found in rebounce("inspect", clean, "--json").records[0]["findings"]]


def test_json_has_one_object_a_file_with_everything_in_it(offset: Path, clean: Path) -> None:
    records = rebounce("inspect", offset, clean, "--json").records
    assert [Path(record["input"]).name for record in records] == ["offset.wav", "clean.wav"]
    first = records[0]
    assert (first["sample_rate_hz"], first["channels"], first["frames"], first["subtype"]) == (
        RATE,
        2,
        5 * RATE,
        "PCM_24",
    )
    assert first["error"] is None
    assert first["realtime_factor"] == pytest.approx(5 / first["seconds"], rel=0.01)
    found = {finding["fault"]: finding for finding in first["findings"]}
    assert found["dc"]["action"] == "removed"
    assert 0.9 < found["dc"]["confidence"] <= 1


def test_nothing_is_written(offset: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    rebounce("inspect", tmp_path, "--json")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_a_folder_is_looked_through_and_a_bad_file_stops_nothing(offset: Path, clean: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFF no audio")
    done = rebounce("inspect", tmp_path, "--json")
    assert done.code == 1
    errors = {Path(record["input"]).name: record["error"] for record in done.records}
    assert set(errors) == {"bad.wav", "clean.wav", "offset.wav"}
    assert [name for name, error in errors.items() if error] == ["bad.wav"]
    assert str(tmp_path / "bad.wav") in errors["bad.wav"]
    assert done.record("bad.wav")["findings"] is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = rebounce("inspect", tmp_path / "nothing.wav")
    assert done.code == 1
    assert f"{tmp_path / 'nothing.wav'}: expected a file or folder, found nothing" in done.err


def test_without_an_input_it_is_a_usage_error() -> None:
    done = rebounce("inspect")
    assert done.code == 2
    assert "expected at least one file or folder" in done.err


def test_restore_does_what_inspect_said(offset: Path, tmp_path: Path) -> None:
    said = rebounce("inspect", offset, "--json").records[0]["findings"]
    (record,) = rebounce("restore", offset, "-o", tmp_path / "out", "--json", "--save-chain").records
    assert record["status"] == "restored"
    assert [(found["fault"], found["action"]) for found in record["findings"]] == [
        (found["fault"], found["action"]) for found in said
    ]
    assert abs(soundfile.read(tmp_path / "out" / "offset.wav")[0].mean()) < 1e-4


def test_the_chain_that_auto_made_is_saved_and_gives_the_same_bytes_again(offset: Path, tmp_path: Path) -> None:
    rebounce("restore", offset, "-o", tmp_path / "out", "--save-chain")
    chain = tmp_path / "out" / "offset.chain.toml"
    assert "Auto" not in chain.read_text()
    rebounce("restore", offset, "-o", tmp_path / "again", "--preset", chain)
    first, second = (soundfile.read(tmp_path / name / "offset.wav", dtype="int32")[0] for name in ("out", "again"))
    assert np.array_equal(first, second)
