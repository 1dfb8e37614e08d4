import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen import id3
from rewriting import chunk, pcm_format, riff, wav
from signals import noise

from rebounce.watchers.finished import Completeness, examine

COMPLETE, INCOMPLETE = Completeness.COMPLETE, Completeness.INCOMPLETE
NO_OWN_SIZE, NOT_AUDIO = Completeness.NO_OWN_SIZE, Completeness.NOT_AUDIO
PCM = ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]
KINDS = [
    *[("WAV", subtype, "FILE") for subtype in ["PCM_U8", *PCM, "ULAW", "IMA_ADPCM"]],
    *[("WAV", subtype, "BIG") for subtype in PCM],
    *[(container, subtype, "FILE") for container in ("WAVEX", "RF64", "W64") for subtype in ["PCM_U8", *PCM]],
    *[("AIFF", subtype, "FILE") for subtype in ["PCM_S8", "PCM_U8", *PCM, "ULAW", "IMA_ADPCM"]],
    *[("AIFF", subtype, "LITTLE") for subtype in PCM[:3]],
    *[("FLAC", subtype, "FILE") for subtype in ("PCM_S8", "PCM_16", "PCM_24")],
    ("OGG", "VORBIS", "FILE"),
    ("OGG", "OPUS", "FILE"),
    ("MP3", "MPEG_LAYER_III", "FILE"),
]
SHAPES = [(1, 9001), (2, 20_000)]
CUTS = 60


def bounce(container: str, subtype: str, endian: str = "FILE", channels: int = 2, frames: int = 20_000) -> bytes:
    """A real file by libsndfile."""
    file = io.BytesIO()
    samples = noise(frames, channels).T
    soundfile.write(file, samples, 48_000, format=container, subtype=subtype, endian=endian)
    return file.getvalue()


def verdict(folder: Path, data: bytes) -> Completeness:
    """What is found of a file that holds these bytes, the name saying nothing; a reason comes with all but COMPLETE."""
    path = folder / "bounce"
    path.write_bytes(data)
    finding = examine(path)
    assert (finding.reason == "") == (finding.completeness is COMPLETE)
    return finding.completeness


def without_padding(data: bytes) -> int:
    """How long a file of libsndfile's is without the byte that fills up an odd number of sample bytes."""
    if data[:4] not in (b"RIFF", b"RIFX", b"RF64"):
        return len(data)
    place = data.index(b"data")
    stated = int.from_bytes(data[place + 4 : place + 8], "big" if data[:4] == b"RIFX" else "little")
    if data[:4] == b"RF64":
        (stated,) = struct.unpack_from("<Q", data, 28)
    return place + 8 + stated if place + 8 + stated == len(data) - 1 else len(data)


@pytest.mark.parametrize(("channels", "frames"), SHAPES)
@pytest.mark.parametrize(("container", "subtype", "endian"), KINDS)
def test_a_whole_file_is_complete_and_no_beginning_of_it_is(
    tmp_path: Path, container: str, subtype: str, endian: str, channels: int, frames: int
) -> None:
    data = bounce(container, subtype, endian, channels, frames)
    assert verdict(tmp_path, data) is COMPLETE
    least = without_padding(data)
    cuts = {0, 1, 11, 12, 13, 16, 39, 40, 43, 44, least - 1, *np.linspace(0, least - 1, CUTS, dtype=int).tolist()}
    found = {cut: verdict(tmp_path, data[:cut]) for cut in sorted(cuts)}
    assert [cut for cut, completeness in found.items() if completeness is COMPLETE] == []
    assert set(found.values()) <= {INCOMPLETE, NO_OWN_SIZE}


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_24"), ("RF64", "PCM_24"), ("W64", "PCM_24"), ("AIFF", "PCM_24"), ("OGG", "VORBIS")],
)
def test_a_file_longer_than_it_says_is_still_being_written(tmp_path: Path, container: str, subtype: str) -> None:
    data = bounce(container, subtype)
    assert verdict(tmp_path, data + noise(5000).tobytes()) is INCOMPLETE
    assert verdict(tmp_path, data + bytes(5000)) is INCOMPLETE


@pytest.mark.parametrize(("container", "subtype"), [("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS")])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_an_encoded_file_whose_end_is_still_zeros_is_incomplete(
    tmp_path: Path, container: str, subtype: str, part: float
) -> None:
    data = bounce(container, subtype)
    written = int(len(data) * part)
    assert verdict(tmp_path, data[:written] + bytes(len(data) - written)) is INCOMPLETE


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF])
@pytest.mark.parametrize("places", [(4,), (40,), (4, 40)])
def test_a_wav_whose_sizes_are_not_written_yet_is_incomplete(
    tmp_path: Path, size: int, places: tuple[int, ...]
) -> None:
    data = bytearray(bounce("WAV", "PCM_16"))
    for place in places:
        struct.pack_into("<I", data, place, size)
    assert verdict(tmp_path, bytes(data)) is INCOMPLETE


def test_a_header_without_audio_is_incomplete(tmp_path: Path) -> None:
    for container in ("WAV", "RF64", "W64", "AIFF", "FLAC"):
        assert verdict(tmp_path, bounce(container, "PCM_16", frames=0)) is INCOMPLETE


def test_the_padding_behind_the_last_byte_may_be_missing_or_not_counted(tmp_path: Path) -> None:
    data = bounce("WAV", "PCM_24", channels=1, frames=1001)
    assert len(data) == without_padding(data) + 1
    assert verdict(tmp_path, data[:-1]) is COMPLETE
    fewer = bytearray(data)
    struct.pack_into("<I", fewer, 4, len(data) - 9)
    assert verdict(tmp_path, bytes(fewer)) is COMPLETE
    assert verdict(tmp_path, bytes(fewer[:-1])) is COMPLETE
    assert verdict(tmp_path, bytes(fewer[:-2])) is INCOMPLETE


@pytest.mark.parametrize("amount", [-1, 1])
def test_there_is_no_padding_where_the_audio_has_an_even_number_of_bytes(tmp_path: Path, amount: int) -> None:
    data = bytearray(bounce("WAV", "PCM_16"))
    struct.pack_into("<I", data, 4, len(data) - 8 + amount)
    assert verdict(tmp_path, bytes(data)) is INCOMPLETE


IDS = st.sampled_from([b"LIST", b"bext", b"iXML", b"JUNK", b"cue ", b"_PMX", b"id3 ", b"PAD ", b"FLLR"])
CHUNKS = st.lists(st.builds(chunk, IDS, st.binary(max_size=60)), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=CHUNKS, samples=st.binary(min_size=1, max_size=50), after=CHUNKS, cut=st.integers(1), more=st.integers(2, 99)
)
def test_chunks_around_the_audio_do_not_matter_as_long_as_they_are_whole(
    tmp_path: Path, before: list[bytes], samples: bytes, after: list[bytes], cut: int, more: int
) -> None:
    data = riff(*before, chunk(b"fmt ", pcm_format(bits=8, channels=1)), chunk(b"data", samples), *after)
    assert verdict(tmp_path, data) is COMPLETE
    shorter = data[: len(data) - 2 - cut % (len(data) - 2)]
    assert verdict(tmp_path, shorter) is INCOMPLETE
    assert verdict(tmp_path, data + bytes(more)) is INCOMPLETE


def test_a_chunk_that_reaches_beyond_the_end_is_incomplete_though_the_outer_size_is_right(tmp_path: Path) -> None:
    data = bytearray(wav(bytes(400), chunk(b"iXML", b"<BWFXML/>  ")))
    struct.pack_into("<I", data, data.index(b"iXML") + 4, 4000)
    assert verdict(tmp_path, bytes(data)) is INCOMPLETE


@pytest.mark.parametrize("tail", [b"", bytes(1000), b"TAG" + bytes(125), bytes(500) + b"TAG" + bytes(125)])
def test_tags_and_padding_behind_flac_frames_are_passed_over(tmp_path: Path, tail: bytes) -> None:
    data = bounce("FLAC", "PCM_16")
    assert verdict(tmp_path, data + tail) is COMPLETE
    assert verdict(tmp_path, data[:-1] + tail) is INCOMPLETE


def test_a_flac_file_that_does_not_know_its_frames_is_incomplete(tmp_path: Path) -> None:
    data = bytearray(bounce("FLAC", "PCM_16"))
    assert data[21] & 15 == 0
    data[22:26] = bytes(4)
    assert verdict(tmp_path, bytes(data)) is INCOMPLETE


@pytest.mark.parametrize(("container", "subtype"), [("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")])
def test_tags_in_front_are_passed_over(tmp_path: Path, container: str, subtype: str) -> None:
    tag = id3.ID3()
    tag.add(id3.TIT2(encoding=3, text="Mix"))
    path = tmp_path / "tag"
    tag.save(path)
    tags = path.read_bytes()
    data = bounce(container, subtype)
    assert verdict(tmp_path, tags + data) is COMPLETE
    assert verdict(tmp_path, tags + tags + data) is COMPLETE
    assert verdict(tmp_path, tags + data[:-1]) is INCOMPLETE
    assert verdict(tmp_path, tags) is INCOMPLETE
    assert verdict(tmp_path, tags[:50]) is INCOMPLETE
    assert verdict(tmp_path, tags + bytes(5000)) is INCOMPLETE


def test_no_end_of_tags_is_not_waited_for(tmp_path: Path) -> None:
    assert verdict(tmp_path, (b"ID3\3" + bytes(6)) * 50_000) is NO_OWN_SIZE


def test_an_ogg_stream_that_was_not_ended_is_incomplete(tmp_path: Path) -> None:
    data = bounce("OGG", "VORBIS", frames=200_000)
    last = data.rindex(b"OggS")
    assert verdict(tmp_path, data[:last]) is INCOMPLETE


@pytest.mark.parametrize("data", [b"", b"\0", b"RIF", bytes(12), bytes(5000), b"RIFF" + bytes(60), b"FORM" + bytes(9)])
def test_what_has_no_beginning_yet_is_incomplete(tmp_path: Path, data: bytes) -> None:
    assert verdict(tmp_path, data) is INCOMPLETE


@pytest.mark.parametrize(
    "data",
    [b"just a text, not audio at all", b"RIFF\x10\0\0\0AVI LIST", b"FORM\0\0\0\x10ILBMBMHD", b"\0" * 11 + b"x" * 9],
)
def test_what_begins_as_no_audio_file_does_is_not_audio(tmp_path: Path, data: bytes) -> None:
    assert verdict(tmp_path, data) is NOT_AUDIO


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.wav")
    assert examine(tmp_path / "x.wav").completeness is NOT_AUDIO


def test_a_folder_is_not_audio_and_a_file_that_is_gone_is_the_callers_to_know(tmp_path: Path) -> None:
    assert examine(tmp_path).completeness is NOT_AUDIO
    with pytest.raises(FileNotFoundError):
        examine(tmp_path / "gone.wav")
