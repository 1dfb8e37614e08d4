"""How pairs are stored: in any container, exactly where the depth can hold it, at one gain for both sides."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UnsupportedAudio, UsageError
from rebounce.engine.source import AudioInfo, open_source
from rebounce.training.pair_storage import Wish, plan_storage, write_audio

RATE_HZ = 44_100
# Name, format and subtype of a source.
SOURCES = {
    "WAV": ("a.wav", "PCM_16"),
    "RF64": ("a.rf64", "PCM_24"),
    "W64": ("a.w64", "FLOAT"),
    "AIFF": ("a.aiff", "PCM_24"),
    "FLAC": ("a.flac", "PCM_16"),
    "OGG": ("a.ogg", "VORBIS"),
    "MP3": ("a.mp3", "MPEG_LAYER_III"),
}


def source_file(folder: Path, kind: str, audio: Audio, rate_hz: int = RATE_HZ) -> Path:
    name, subtype = SOURCES[kind]
    soundfile.write(folder / name, audio.T, rate_hz, subtype=subtype, format=kind)
    return folder / name


def stored(path: Path, wish: Wish, audio: Audio, rate_hz: int = RATE_HZ) -> tuple[AudioInfo, Audio]:
    """What comes out of a file in which `audio` was stored as one side of a pair made of `path`."""
    target = path.with_name("out.part")
    with open_source(path) as source, target.open("w+b") as out:
        storage = plan_storage(source, wish, rate_hz)
        write_audio(storage, source, audio * np.float32(storage.gain_for((audio,))), out)
    with open_source(target) as source:
        blocks = [block.audio for block in source.blocks()]
        return source.info, np.concatenate(blocks, axis=1) if blocks else audio[:, :0]


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("file_format", ["keep", "wav", "flac"])
def test_both_sides_come_back_in_the_container_asked_for_at_the_length_they_had(
    tmp_path: Path, kind: str, file_format: str
) -> None:
    path = source_file(tmp_path, kind, noise(3000))
    audio = noise(70_001, seed=1)
    info, found = stored(path, Wish(file_format=file_format), audio)
    expected = kind if file_format == "keep" else file_format.upper()
    assert info.container == expected
    if expected in ("OGG", "MP3"):
        assert np.corrcoef(found[:, : audio.shape[1]].ravel(), audio.ravel())[0, 1] > 0.6
    else:
        assert info.subtype == ("PCM_24" if expected == "FLAC" else "FLOAT")
        np.testing.assert_allclose(found, audio, atol=2**-22 if expected == "FLAC" else 0)


def test_what_a_depth_can_hold_is_stored_exactly_and_anything_else_is_dithered(tmp_path: Path) -> None:
    path = source_file(tmp_path, "WAV", noise(3000))
    steps = np.round(noise(20_000) * 2**15) / 2**15
    assert np.array_equal(stored(path, Wish(bit_depth="16"), steps.astype(np.float32))[1], steps)
    between = (steps + 0.3 / 2**15).astype(np.float32)
    found = stored(path, Wish(bit_depth="16"), between)[1]
    assert 1 / 2**15 < np.abs(found - between).max() <= 1.5 / 2**15
    assert float(np.mean(found - between)) == pytest.approx(0, abs=0.02 / 2**15)


@pytest.mark.parametrize(("bit_depth", "subtype"), [("keep", "PCM_16"), ("16", "PCM_16"), ("24", "PCM_24")])
def test_a_depth_that_was_asked_for_is_used(tmp_path: Path, bit_depth: str, subtype: str) -> None:
    path = source_file(tmp_path, "WAV", noise(3000))
    assert stored(path, Wish(bit_depth=bit_depth), noise(100))[0].subtype == subtype


def test_floats_keep_their_level_and_integers_get_one_gain_where_a_side_would_clip(tmp_path: Path) -> None:
    path = source_file(tmp_path, "WAV", noise(3000))
    quiet, loud = np.full((1, 10), 0.5, np.float32), np.full((1, 10), -4.0, np.float32)
    with open_source(path) as source:
        floats = plan_storage(source, Wish(), RATE_HZ)
        integers = plan_storage(source, Wish(bit_depth="16"), RATE_HZ)
    assert floats.gain_for((quiet, loud)) == 1
    assert integers.gain_for((quiet, quiet)) == 1
    assert integers.gain_for((quiet, loud)) == pytest.approx(0.25, rel=1e-3)
    assert integers.gain_for((loud, quiet)) <= 0.25
    found = stored(path, Wish(bit_depth="16"), np.repeat(loud, 2, axis=0))[1]
    assert -1 < found.min() < -0.999


@pytest.mark.parametrize("file_format", ["mp3", "ogg"])
def test_what_is_far_beyond_full_scale_is_turned_down_for_an_encoder(tmp_path: Path, file_format: str) -> None:
    path = source_file(tmp_path, "WAV", noise(3000))
    audio = noise(50_000, seed=1)
    found = stored(path, Wish(file_format=file_format), audio * np.float32(1e7))[1]
    assert 0.3 < np.abs(found).max() < 1.5
    assert np.corrcoef(found[:, : audio.shape[1]].ravel(), audio.ravel())[0, 1] > 0.6
    with open_source(path) as source:
        lossy = plan_storage(source, Wish(file_format=file_format), RATE_HZ)
    assert lossy.gain_for((audio * 0, audio / np.abs(audio).max())) == 1
    assert lossy.gain_for((np.full((1, 10), 4.0, np.float32),)) == pytest.approx(0.25, rel=1e-3)


def test_equal_audio_gives_equal_bytes_that_hold_no_time(tmp_path: Path) -> None:
    path = source_file(tmp_path, "AIFF", noise(3000))
    for file_format in ("keep", "wav", "flac", "ogg", "mp3"):
        written = []
        for _ in range(2):
            stored(path, Wish(file_format=file_format), noise(5000, seed=2))
            written.append((tmp_path / "out.part").read_bytes())
        assert written[0] == written[1]
        assert b"PEAK" not in written[0]


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("frames", [0, 1])
def test_hardly_any_audio_is_stored_too(tmp_path: Path, channels: int, frames: int) -> None:
    path = source_file(tmp_path, "WAV", noise(10, channels=channels))
    for file_format in ("wav", "flac"):
        info, found = stored(path, Wish(file_format=file_format), noise(frames, channels=channels))
        assert (info.channels, found.shape) == (channels, (channels, frames))


def test_what_a_container_cannot_hold_is_refused_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--bit-depth 32f: FLAC takes 16 or 24"):
        Wish(file_format="flac", bit_depth="32f")
    with pytest.raises(UsageError, match="MP3 has no bit depth"):
        Wish(file_format="mp3", bit_depth="16")
    path = source_file(tmp_path, "FLAC", noise(100))
    with pytest.raises(UnsupportedAudio, match=r"a\.flac: --bit-depth 32f: FLAC takes 16 or 24"):
        stored(path, Wish(file_format="keep", bit_depth="32f"), noise(100))
    path = source_file(tmp_path, "WAV", noise(100, channels=3))
    with pytest.raises(UnsupportedAudio, match=r"a\.wav: 3 channels, and MP3 holds at most 2; choose --format wav"):
        stored(path, Wish(file_format="mp3"), noise(100, channels=3))
    path = source_file(tmp_path, "WAV", noise(100), 96_000)
    with pytest.raises(UnsupportedAudio, match=r"a\.wav: MP3 has no 96000 Hz; add --sample-rate 48000"):
        stored(path, Wish(file_format="mp3"), noise(100), 96_000)
