import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from page_folders import RATE_HZ, mix

from rebounce.engine.audio import Audio
from rebounce.engine.source import open_source
from rebounce.watchers.web import preview
from rebounce.watchers.web.pictures import look_at, plays_itself


def written(path: Path, audio: Audio, subtype: str, **how: str) -> Path:
    soundfile.write(path, audio.T, RATE_HZ, subtype=subtype, **how)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "how", "media_type"),
    [
        ("a.wav", "PCM_16", {}, "audio/wav"),
        ("a.wav", "PCM_24", {}, "audio/wav"),
        ("a.wav", "FLOAT", {}, "audio/wav"),
        ("a.wav", "DOUBLE", {}, None),
        ("a.flac", "PCM_24", {}, "audio/flac"),
        ("a.ogg", "VORBIS", {}, "audio/ogg"),
        ("a.mp3", "MPEG_LAYER_III", {}, "audio/mpeg"),
        ("a.aiff", "PCM_24", {}, None),
        ("a.w64", "PCM_24", {}, None),
        ("a.wav", "PCM_24", {"format": "RF64"}, None),
        ("a.wav", "PCM_24", {"format": "FLAC"}, "audio/flac"),  # what it is, not what it is called
    ],
)
def test_what_a_browser_plays_by_itself_is_known(
    tmp_path: Path, name: str, subtype: str, how: dict[str, str], media_type: str | None
) -> None:
    with open_source(written(tmp_path / name, mix(0.5), subtype, **how)) as source:
        assert plays_itself(source) == media_type


def test_a_header_that_lies_is_not_left_to_the_browser(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", mix(0.5), "PCM_16")
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with open_source(path) as source:
        assert source.info.messages
        assert plays_itself(source) is None


def test_what_no_browser_plays_is_made_to_be_heard(tmp_path: Path) -> None:
    about = look_at(tmp_path, {"before": written(tmp_path / "a.aiff", mix(0.5), "PCM_16")})
    assert soundfile.info(tmp_path / "before.wav").duration == pytest.approx(0.5)
    side = about["sides"]["before"]
    assert (side["media_type"], side["channels"]) == (None, 2)
    assert side["plays_s"] == side["duration_s"] == pytest.approx(0.5)


def test_a_preview_is_cut_where_it_would_take_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "LARGEST_BYTES", RATE_HZ * 2 * 2)
    about = look_at(tmp_path, {"before": written(tmp_path / "a.aiff", mix(3), "PCM_16")})
    side = about["sides"]["before"]
    assert (side["plays_s"], side["duration_s"]) == (pytest.approx(1), pytest.approx(3))


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.mp3", "MPEG_LAYER_III"), ("a.ogg", "VORBIS"), ("a.flac", "PCM_24"), ("a.wav", "PCM_24")]
)
def test_what_a_browser_seeks_in_by_guess_is_compared_as_a_preview(tmp_path: Path, name: str, subtype: str) -> None:
    """And alone it is played as it is."""
    coded = written(tmp_path / name, mix(0.5), subtype)
    result = written(tmp_path / "result.wav", mix(0.5), "PCM_24")
    is_exact = name in ("a.flac", "a.wav")
    about = look_at(tmp_path, {"before": coded, "after": result})
    assert [side["media_type"] is not None for side in about["sides"].values()] == [is_exact, True]
    assert (tmp_path / "before.wav").is_file() is not is_exact
    assert look_at(tmp_path, {"before": coded})["sides"]["before"]["media_type"] is not None


def test_both_sides_are_heard_at_the_lower_rate_where_one_is(tmp_path: Path) -> None:
    rate_hz = 96_000
    soundfile.write(tmp_path / "a.w64", mix(0.5).T, rate_hz, subtype="PCM_24")
    soundfile.write(tmp_path / "b.wav", mix(0.5).T, rate_hz, subtype="PCM_24")
    about = look_at(tmp_path, {"before": tmp_path / "a.w64", "after": tmp_path / "b.wav"})
    assert [side["media_type"] for side in about["sides"].values()] == [None, None]
    assert {soundfile.info(tmp_path / f"{side}.wav").samplerate for side in ("before", "after")} == {48_000}


def test_both_sides_are_drawn_on_one_scale(tmp_path: Path) -> None:
    paths = {side: written(tmp_path / f"{side}.flac", mix(0.5), "PCM_16") for side in ("before", "after")}
    about = look_at(tmp_path, paths)
    names = {path.name for path in tmp_path.glob("*.png")}
    assert names == {"before-wave.png", "before-spectrum.png", "after-wave.png", "after-spectrum.png"}
    assert about["frequencies"][-1][1] == "20 kHz"
    assert not list(tmp_path.glob("*.wav"))


def test_the_process_ends_with_the_one_that_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "a.flac", mix(1), "PCM_16")
    command = [sys.executable, "-m", "rebounce.watchers.web.pictures", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps({"before": str(path), "after": None}).encode() + b"\n")
        child.stdin.close()  # as the kernel does when that one dies
        assert child.wait(30) == 1


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    bad = tmp_path / "a.wav"
    bad.write_bytes(b"no audio")
    command = [sys.executable, "-m", "rebounce.watchers.web.pictures", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps({"before": str(bad), "after": None}).encode() + b"\n")
        child.stdin.flush()
        assert child.wait(30) == 0
        assert "not an audio file" in json.loads(child.stdout.read())["problem"]
