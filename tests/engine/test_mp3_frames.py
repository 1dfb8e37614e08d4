import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen import id3
from rewriting import rewrite

from rebounce.engine.mp3_frames import count_frames, missing_header, read_frame_header
from rebounce.engine.source import open_source

KINDS = [
    (rate, channels, mode)
    for rate in (44_100, 22_050, 8000)
    for channels in (1, 2)
    for mode in ("CONSTANT", "VARIABLE")
]
DECODER_DELAY = 529


def encoded(rate: int, channels: int, mode: str) -> bytes:
    """An MP3 that becomes very quiet, so that a variable bit rate falls."""
    samples = np.random.default_rng(0).standard_normal((rate * 4 + 77, channels)) * 0.1
    samples[rate:] *= 1e-4
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return file.getvalue()


def without_count(data: bytes) -> bytes:
    """Without its first frame, which holds no audio but the count."""
    header = read_frame_header(data)
    assert header is not None
    return data[header.frame_bytes :]


@pytest.mark.parametrize(("rate", "channels", "mode"), KINDS)
def test_an_mp3_that_does_not_say_how_long_it_is_is_read_to_its_end(
    tmp_path: Path, rate: int, channels: int, mode: str
) -> None:
    data = encoded(rate, channels, mode)
    (tmp_path / "x.mp3").write_bytes(without_count(data))
    per_frame = 1152 if rate >= 32_000 else 576
    with open_source(tmp_path / "x.mp3") as source:
        decoded = np.concatenate([block.original for block in source.blocks()])
        assert source.info.frames == count_frames(io.BytesIO(without_count(data)), 0) * per_frame - DECODER_DELAY
    whole = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    # LAME's own delay, of which only the frame that was taken away knew.
    assert np.abs(decoded[576 : 576 + len(whole)] - whole).max() < 1e-6


def test_a_tag_in_front_of_such_a_file_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(without_count(encoded(44_100, 2, "VARIABLE")))
    with open_source(path) as source:
        frames = source.info.frames
    tag = id3.ID3()
    tag.add(id3.TIT2(encoding=3, text="Mix"))
    tag.save(path, v1=2)
    assert rewrite(path, tmp_path / "x.wav", container="WAV", subtype="PCM_24").frames == frames


def test_a_file_that_has_its_count_is_left_as_it_is() -> None:
    assert missing_header(io.BytesIO(encoded(44_100, 2, "VARIABLE")), 0) == b""


@pytest.mark.parametrize("rubbish", [b"", b"\0" * 700, b"\xff" * 50, b"TAG" + bytes(125)])
def test_what_lies_between_frames_and_behind_them_is_not_counted(rubbish: bytes) -> None:
    data = without_count(encoded(44_100, 2, "CONSTANT"))
    header = read_frame_header(data)
    assert header is not None
    count = count_frames(io.BytesIO(data), 0)
    place = header.frame_bytes
    assert count_frames(io.BytesIO(data[:place] + rubbish + data[place:] + rubbish), 0) == count
    assert count_frames(io.BytesIO(data[:-1]), 0) == count - 1


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfb", b"RIFF", b"\xff\x1b\x90\x00", b"\xff\xfb\xf0\x00", b"\xff\xfb\x9c\x00"]
)
def test_what_is_no_header_is_not_taken_for_one(data: bytes) -> None:
    assert read_frame_header(data) is None
