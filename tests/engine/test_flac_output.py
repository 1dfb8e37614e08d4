"""FLAC files: every metadata block before and after, and chunks of other containers inside."""

import struct
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC, CueSheet, Picture
from rewriting import aiff, aiff_chunk, chunk, chunks_of, half, ramp_16, rewrite, wav

from rebounce.engine.chunk_positions import Rescale
from rebounce.engine.flac_blocks import (
    APPLICATION,
    CUESHEET,
    PADDING,
    PICTURE,
    SEEKTABLE,
    STREAMINFO,
    VORBIS_COMMENT,
    FlacBlock,
    cue_tracks,
    pack_blocks,
    read_flac,
    rescale_cuesheet,
)

SAMPLES = ramp_16(5000)


def blocks_of(path: Path) -> list[tuple[int, bytes]]:
    with path.open("rb") as file:
        flac = read_flac(file, 0)
    assert flac is not None
    return [(block.kind, block.data) for block in flac.blocks]


def picture() -> Picture:
    cover = Picture()
    cover.type, cover.mime, cover.desc, cover.data = 3, "image/png", "Cover", bytes(range(256)) * 20
    return cover


def cue_sheet(*tracks: tuple[int, int]) -> bytes:
    """Tracks by number and offset, each with an index at its beginning, and the lead-out, which has none."""
    data = b"1234567890123".ljust(128, b"\0") + struct.pack(">QB258xB", 0, 0, len(tracks))
    for number, offset in tracks:
        indexes = 0 if number == 255 else 1
        data += struct.pack(">QB12sB13xB", offset, number, b"", 0, indexes)
        data += struct.pack(">QB3x", 0, 1) * indexes
    return data


def tagged_flac(path: Path, frames: int = 70_001) -> None:
    """A FLAC file with one block of every kind."""
    samples = np.random.default_rng(0).integers(-9999, 9999, (frames, 2)).astype(np.int16)
    soundfile.write(path, samples, 48_000)
    flac = FLAC(path)
    flac["title"], flac["ARTIST"], flac["Oddly:Named"] = "Mix", ["One", "Two"], "kept"
    flac.add_picture(picture())
    flac.metadata_blocks.append(CueSheet(cue_sheet((1, 0), (2, 24_000), (255, frames))))
    flac.save(padding=lambda _: 1234)
    with path.open("rb") as file:
        found = read_flac(file, 0)
        assert found is not None
        rest = file.read()
    extra = [
        FlacBlock(kind=APPLICATION, data=b"TEST some program's own"),
        FlacBlock(kind=SEEKTABLE, data=struct.pack(">QQH", 0, 0, 4096)),
    ]
    path.write_bytes(pack_blocks(found.blocks[0].data, [*extra, *found.blocks[1:]]) + rest)


def test_every_block_of_a_flac_file_survives_in_its_order(tmp_path: Path) -> None:
    tagged_flac(tmp_path / "in.flac")
    written = rewrite(tmp_path / "in.flac", tmp_path / "out.flac", half)
    before, after = (blocks_of(tmp_path / name) for name in ("in.flac", "out.flac"))
    made_anew = (STREAMINFO, SEEKTABLE)
    assert [block for block in after if block[0] not in made_anew] == [
        block for block in before if block[0] not in made_anew
    ]
    assert {kind for kind, _ in after} == {STREAMINFO, APPLICATION, VORBIS_COMMENT, PICTURE, CUESHEET, PADDING}
    assert (written.messages, written.frames) == ((), 70_001)


def test_the_checksum_and_length_of_a_flac_file_are_those_of_its_audio(tmp_path: Path) -> None:
    tagged_flac(tmp_path / "in.flac")
    rewrite(tmp_path / "in.flac", tmp_path / "out.flac", half)
    samples = soundfile.read(tmp_path / "out.flac", dtype="int16")[0]
    streaminfo = blocks_of(tmp_path / "out.flac")[0][1]
    assert len(samples) == 70_001
    assert streaminfo[18:34] == md5(samples.astype("<i2").tobytes(), usedforsecurity=False).digest()
    assert int.from_bytes(streaminfo[10:18], "big") & (1 << 36) - 1 == 70_001


def test_an_id3_tag_in_front_of_a_flac_file_stays_there(tmp_path: Path) -> None:
    tagged_flac(tmp_path / "in.flac")
    tag = b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)
    (tmp_path / "in.flac").write_bytes(tag + (tmp_path / "in.flac").read_bytes())
    rewrite(tmp_path / "in.flac", tmp_path / "out.flac", half)
    data = (tmp_path / "out.flac").read_bytes()
    assert data[:24] == tag + b"fLaC"
    assert soundfile.info(tmp_path / "out.flac").frames == 70_001


def test_gain_that_was_measured_on_the_input_is_left_out_and_said(tmp_path: Path) -> None:
    tagged_flac(tmp_path / "in.flac")
    flac = FLAC(tmp_path / "in.flac")
    flac["replaygain_track_gain"] = "-7.03 dB"
    flac.save()
    written = rewrite(tmp_path / "in.flac", tmp_path / "out.flac", half)
    found = FLAC(tmp_path / "out.flac")
    assert "ReplayGain" in written.messages[0]
    assert found["oddly:named"] == ["kept"]
    assert found["artist"] == ["One", "Two"]
    assert "replaygain_track_gain" not in found
    before, after = (dict(blocks_of(tmp_path / name))[VORBIS_COMMENT] for name in ("in.flac", "out.flac"))
    assert after[: 4 + after[0]] == before[: 4 + before[0]]  # who encoded it


def test_a_cue_sheet_moves_to_another_rate(tmp_path: Path) -> None:
    tagged_flac(tmp_path / "in.flac")
    rewrite(tmp_path / "in.flac", tmp_path / "out.flac", sample_rate_hz=96_000)
    found = dict(blocks_of(tmp_path / "out.flac"))[CUESHEET]
    assert found == cue_sheet((1, 0), (2, 48_000), (255, 140_002))


def test_the_indexes_of_a_cue_sheet_move_and_it_is_no_compact_disc_any_more() -> None:
    track = struct.pack(">QB12sB13xB", 88_200, 1, b"", 0, 2) + struct.pack(">QB3xQB3x", 0, 0, 44_100, 1)
    head = b"".ljust(128, b"\0") + struct.pack(">QB258xB", 88_200, 0x80, 1)
    moved = rescale_cuesheet(head + track, Rescale(old_rate_hz=44_100, new_rate_hz=88_200))
    assert [(cue.offset, cue.index_offsets) for cue in cue_tracks(moved)] == [(176_400, (0, 88_200))]
    assert moved[:137] == b"".ljust(128, b"\0") + struct.pack(">QB", 176_400, 0)


def test_the_chunks_of_a_wav_go_through_flac_and_back(tmp_path: Path) -> None:
    bext = bytes(346) + struct.pack("<H", 1) + bytes(602 - 348)
    after = [chunk(b"cue ", struct.pack("<III4sIII", 1, 1, 9, b"data", 0, 0, 9)), chunk(b"wxyz", b"odd")]
    data = wav(SAMPLES, *after, chunk(b"LIST", b"INFOINAM\x04\0\0\0Mix\0"), before=chunk(b"bext", bext))
    (tmp_path / "in.wav").write_bytes(data)
    rewrite(tmp_path / "in.wav", tmp_path / "x.flac", container="FLAC")
    rewrite(tmp_path / "x.flac", tmp_path / "out.wav", container="WAV")
    before, back = chunks_of(data), chunks_of((tmp_path / "out.wav").read_bytes())
    assert [id for id, _ in back] == [*[id for id, _ in before], b"id3 "]
    unchanged = [found for found in before if found[0] != b"bext"]
    assert [found for found in back if found[0] not in (b"bext", b"id3 ")] == unchanged
    lines = dict(back)[b"bext"][602:].split(b"\r\n")
    assert [line for line in lines if line] == [b"A=PCM,F=48000,W=16,M=stereo,T=rebounce 0.1.0;bypass"] * 2
    assert FLAC(tmp_path / "x.flac")["title"] == ["Mix"]


def test_a_wider_depth_reaches_the_chunks_that_flac_gives_back(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(SAMPLES, chunk(b"wxyz", b"odd")))
    rewrite(tmp_path / "in.wav", tmp_path / "x.flac", container="FLAC")
    rewrite(tmp_path / "x.flac", tmp_path / "out.wav", container="WAV", subtype="PCM_24")
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.subtype, info.frames) == ("PCM_24", 5000)
    before, after = (soundfile.read(tmp_path / name)[0] for name in ("in.wav", "out.wav"))
    assert np.array_equal(before, after)


def test_chunks_in_flac_stand_as_the_flac_program_writes_them(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(SAMPLES, chunk(b"wxyz", b"odd")))
    rewrite(tmp_path / "in.wav", tmp_path / "x.flac", container="FLAC")
    data = (tmp_path / "in.wav").read_bytes()
    foreign = [block[1] for block in blocks_of(tmp_path / "x.flac") if block[0] == APPLICATION]
    assert foreign == [b"riff" + data[:12], b"riff" + data[12:36], b"riff" + data[36:44], b"riff" + data[-12:]]


@pytest.mark.parametrize("rate", [48_000, 96_000])
def test_the_chunks_of_an_aiff_go_into_flac_and_move_with_its_rate(tmp_path: Path, rate: int) -> None:
    mark = struct.pack(">HHIB", 1, 1, 300, 3) + b"Hit"
    samples = np.frombuffer(SAMPLES, "<i2").byteswap().tobytes()
    (tmp_path / "in.aiff").write_bytes(aiff(samples, aiff_chunk(b"MARK", mark), before=aiff_chunk(b"NAME", b"Mix")))
    rewrite(tmp_path / "in.aiff", tmp_path / "x.flac", container="FLAC")
    rewrite(tmp_path / "x.flac", tmp_path / "y.flac", sample_rate_hz=rate)
    foreign = [block[1] for block in blocks_of(tmp_path / "y.flac") if block[0] == APPLICATION]
    moved = struct.pack(">HHIB", 1, 1, 300 * rate // 48_000, 3) + b"Hit"
    assert [found[4:8] for found in foreign] == [b"FORM", b"COMM", b"NAME", b"SSND", b"MARK"]
    assert foreign[4] == b"aiff" + aiff_chunk(b"MARK", moved)
    assert struct.unpack(">I", foreign[1][14:18])[0] == 5000 * rate // 48_000
    assert FLAC(tmp_path / "y.flac")["title"] == ["Mix"]


def test_a_chunk_too_large_for_flac_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(SAMPLES, chunk(b"big ", bytes(1 << 24)), chunk(b"wxyz", b"kept")))
    written = rewrite(tmp_path / "in.wav", tmp_path / "x.flac", container="FLAC")
    foreign = [block[1][4:8] for block in blocks_of(tmp_path / "x.flac") if block[0] == APPLICATION]
    assert foreign == [b"RIFF", b"fmt ", b"data", b"wxyz"]
    assert "'big ' is larger than the 16 MB" in written.messages[0]


@pytest.mark.parametrize(("old", "new"), [("FLOAT", "PCM_24"), ("PCM_U8", "PCM_S8"), ("PCM_24", "PCM_24")])
def test_the_format_of_the_chunks_is_that_of_the_flac(tmp_path: Path, old: str, new: str) -> None:
    soundfile.write(tmp_path / "in.wav", np.linspace(-0.5, 0.5, 1000), 44_100, subtype=old)
    rewrite(tmp_path / "in.wav", tmp_path / "x.flac", container="FLAC", subtype=new)
    rewrite(tmp_path / "x.flac", tmp_path / "out.wav", container="WAV", subtype=new.replace("S8", "U8"))
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.subtype, info.frames) == (new.replace("S8", "U8"), 1000)
    flac, back = (soundfile.read(tmp_path / name, dtype="int32")[0] for name in ("x.flac", "out.wav"))
    assert np.array_equal(flac, back)


def test_a_picture_goes_from_flac_into_a_wav_and_back(tmp_path: Path) -> None:
    tagged_flac(tmp_path / "in.flac")
    written = rewrite(tmp_path / "in.flac", tmp_path / "x.wav", container="WAV")
    rewrite(tmp_path / "x.wav", tmp_path / "out.flac", container="FLAC")
    found = FLAC(tmp_path / "out.flac")
    assert found.pictures[0].data == picture().data
    assert (found.pictures[0].type, found.pictures[0].mime, found.pictures[0].desc) == (3, "image/png", "Cover")
    assert (found["artist"], found["oddly:named"]) == (["One", "Two"], ["kept"])
    assert written.messages == ("the FLAC application blocks TEST have no place in WAV and were left out",)
    cues = dict(chunks_of((tmp_path / "x.wav").read_bytes()))[b"cue "]
    assert [struct.unpack_from("<I", cues, place + 24)[0] for place in (0, 24)] == [0, 24_000]
