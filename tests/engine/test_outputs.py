"""One container in, another out."""

import base64
import struct
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen import id3
from mutagen.flac import Picture
from mutagen.oggvorbis import OggVorbis
from rewriting import aiff, aiff_chunk, chunk, chunks_of, half, ramp_16, rewrite, wav

from rebounce.engine.source import open_source

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (50_001, 2))


def tagged_mp3(path: Path) -> bytes:
    """An MP3 with an ID3 tag; returns the tag's bytes."""
    soundfile.write(path, NOISE, 44_100, format="MP3")
    tag = id3.ID3()
    tag.add(id3.TIT2(encoding=3, text="Mix"))
    tag.add(id3.TPE1(encoding=1, text=["One", "Two"]))
    tag.add(id3.APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=b"\xff\xd8" * 100))
    tag.add(id3.PRIV(owner="daw", data=bytes(100)))
    tag.save(path)
    data = path.read_bytes()
    size = sum((byte & 0x7F) << 7 * place for byte, place in zip(data[6:10], (3, 2, 1, 0), strict=True))
    return data[: size + 10]


def tagged_ogg(path: Path) -> None:
    soundfile.write(path, NOISE, 44_100, format="OGG")
    ogg = OggVorbis(path)
    ogg["title"], ogg["artist"] = "Mix", ["One", "Two"]
    cover = Picture()
    cover.type, cover.mime, cover.data = 3, "image/jpeg", b"\xff\xd8" * 100
    ogg["metadata_block_picture"] = [base64.b64encode(cover.write()).decode()]
    ogg.save()


def test_an_mp3_becomes_a_wav_of_what_was_decoded_with_its_id3_tag_as_it_was(tmp_path: Path) -> None:
    tag = tagged_mp3(tmp_path / "in.mp3")
    rewrite(tmp_path / "in.mp3", tmp_path / "out.wav", container="WAV", subtype="FLOAT")
    found = dict(chunks_of((tmp_path / "out.wav").read_bytes()))
    assert found[b"id3 "] == tag
    assert found[b"LIST"][:4] == b"INFO"
    assert b"One; Two\0" in found[b"LIST"]
    decoded, written = (soundfile.read(tmp_path / name, dtype="float32")[0] for name in ("in.mp3", "out.wav"))
    assert len(decoded) == 50_001
    assert np.array_equal(decoded, written)


def test_an_ogg_becomes_a_wav_with_its_comments_and_cover(tmp_path: Path) -> None:
    tagged_ogg(tmp_path / "in.ogg")
    rewrite(tmp_path / "in.ogg", tmp_path / "out.wav", container="WAV", subtype="PCM_24")
    tags = mutagen.File(tmp_path / "out.wav").tags
    assert tags is not None
    assert tags["TIT2"].text == ["Mix"]
    assert tags["TPE1"].text == ["One", "Two"]
    assert tags["APIC:"].data == b"\xff\xd8" * 100
    decoded = np.clip(soundfile.read(tmp_path / "in.ogg", dtype="float64")[0], -1, 1 - 2.0**-23)
    written = soundfile.read(tmp_path / "out.wav", dtype="float64")[0]
    assert np.abs(decoded - written).max() <= 1.5 * 2.0**-23


@pytest.mark.parametrize(("kind", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")])
@pytest.mark.parametrize("origin", ["wav", "flac", "mp3", "ogg", "aiff"])
def test_tags_go_into_every_lossy_file(tmp_path: Path, kind: str, subtype: str, origin: str) -> None:
    path, target = tmp_path / f"in.{origin}", tmp_path / f"out.{kind.lower()}"
    {"mp3": tagged_mp3, "ogg": tagged_ogg}.get(origin, _tagged)(path)
    rewrite(path, target, container=kind, subtype=subtype)
    with target.open("rb") as file:
        found = mutagen.File(file, easy=True)
    assert found is not None
    assert found.tags["title"] == ["Mix"]
    assert found.tags["artist"] == (["One"] if origin == "aiff" else ["One", "Two"])
    assert (soundfile.info(target).frames, soundfile.info(target).channels) == (50_001, 2)
    decoded, source = (soundfile.read(name, dtype="float32")[0] for name in (target, path))
    error = np.sqrt(np.mean((decoded - source) ** 2)) / np.sqrt(np.mean(source**2))
    assert error < 0.7  # white noise is what encoders drop most of


def _tagged(path: Path) -> None:
    """A lossless file of the kind its name ends in."""
    samples = (NOISE * 32_767).astype("<i2")
    if path.suffix == ".aiff":
        texts = aiff_chunk(b"NAME", b"Mix") + aiff_chunk(b"AUTH", b"One")
        path.write_bytes(aiff(samples.byteswap().tobytes(), before=texts))
        return
    soundfile.write(path, samples, 44_100)
    found = mutagen.File(path)
    if path.suffix == ".wav":
        found.add_tags()
        found.tags.add(id3.TIT2(encoding=3, text="Mix"))
        found.tags.add(id3.TPE1(encoding=3, text=["One", "Two"]))
    else:
        found["title"], found["artist"] = "Mix", ["One", "Two"]
    found.save()


def test_an_mp3_made_of_an_mp3_keeps_its_tag_byte_for_byte(tmp_path: Path) -> None:
    tag = tagged_mp3(tmp_path / "in.mp3")
    rewrite(tmp_path / "in.mp3", tmp_path / "out.mp3", half)
    assert (tmp_path / "out.mp3").read_bytes().startswith(tag)


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_24"), ("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_16")])
def test_gain_that_was_measured_on_an_mp3_is_left_out_and_said(tmp_path: Path, container: str, subtype: str) -> None:
    tagged_mp3(tmp_path / "in.mp3")
    tag = id3.ID3(tmp_path / "in.mp3")
    tag.add(id3.TXXX(encoding=3, desc="REPLAYGAIN_TRACK_GAIN", text="-7 dB"))
    tag.save()
    rewrite(tmp_path / "in.mp3", tmp_path / "x", container=container, subtype=subtype)
    written = rewrite(tmp_path / "in.mp3", tmp_path / "y", half, container=container, subtype=subtype)
    assert "the ReplayGain tags described the input and were left out" in written.messages
    assert b"REPLAYGAIN" not in (tmp_path / "y").read_bytes()
    assert b"Mix" in (tmp_path / "y").read_bytes()


def test_a_picture_goes_from_mp3_through_ogg_into_flac(tmp_path: Path) -> None:
    tagged_mp3(tmp_path / "in.mp3")
    said = rewrite(tmp_path / "in.mp3", tmp_path / "x.ogg", container="OGG", subtype="VORBIS").messages
    rewrite(tmp_path / "x.ogg", tmp_path / "out.flac", container="FLAC", subtype="PCM_16")
    found = mutagen.File(tmp_path / "out.flac")
    assert found is not None
    assert found.pictures[0].data == b"\xff\xd8" * 100
    assert found["artist"] == ["One", "Two"]
    assert said == ("ID3 PRIV: no counterpart among Vorbis comments, left out",)


def test_what_a_lossy_file_has_no_place_for_is_said(tmp_path: Path) -> None:
    after = [chunk(b"cue ", bytes(4)), chunk(b"LIST", b"INFO"), chunk(b"wxyz", b"")]
    (tmp_path / "in.wav").write_bytes(wav(ramp_16(2000), *after, before=chunk(b"bext", bytes(602))))
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.ogg", container="OGG", subtype="VORBIS")
    assert written.messages == ("the chunks bext, cue, wxyz have no place in OGG and were left out",)


def test_an_old_id3_tag_at_the_end_is_read_where_there_is_no_other(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.mp3", NOISE, 44_100)
    tag = b"TAG" + b"Mix".ljust(30, b"\0") + b"One".ljust(30, b"\0") + bytes(30) + b"1996" + bytes(31)
    with (tmp_path / "in.mp3").open("ab") as file:
        file.write(tag)
    rewrite(tmp_path / "in.mp3", tmp_path / "out.flac", container="FLAC", subtype="PCM_16")
    found = mutagen.File(tmp_path / "out.flac")
    assert found is not None
    assert (found["title"], found["artist"], found["date"]) == (["Mix"], ["One"], ["1996"])


def test_an_aiff_becomes_a_wav_with_its_marks_and_texts(tmp_path: Path) -> None:
    mark = struct.pack(">HHIB", 1, 1, 300, 3) + b"Hit"
    texts = aiff_chunk(b"NAME", b"Mix") + aiff_chunk(b"AUTH", b"One") + aiff_chunk(b"APPL", b"data")
    samples = np.frombuffer(ramp_16(2000), "<i2")
    data = aiff(samples.byteswap().tobytes(), aiff_chunk(b"MARK", mark), before=texts)
    (tmp_path / "in.aiff").write_bytes(data)
    written = rewrite(tmp_path / "in.aiff", tmp_path / "out.wav", container="WAV", subtype="PCM_16")
    found = chunks_of((tmp_path / "out.wav").read_bytes())
    assert [id for id, _ in found] == [b"fmt ", b"data", b"cue ", b"LIST", b"LIST"]
    assert found[1][1] == ramp_16(2000)
    assert found[2][1] == struct.pack("<III4sIII", 1, 1, 300, b"data", 0, 0, 300)
    assert found[3][1] == b"adtl" + b"labl" + struct.pack("<II", 8, 1) + b"Hit\0"
    assert found[4][1] == b"INFOINAM\x04\0\0\0Mix\0IART\x04\0\0\0One\0"
    assert written.messages == ("the AIFF chunks APPL have no counterpart in WAV and were left out",)


def test_a_wave64_becomes_a_wav_with_its_chunks(tmp_path: Path) -> None:
    tail, odd = bytes.fromhex("f3acd3118cd100c04f8edb8a"), bytes.fromhex("5662f7ab2d39d21186c700c04f8edb8a")
    soundfile.write(tmp_path / "in.w64", NOISE, 48_000, subtype="PCM_24", format="W64")
    data = (tmp_path / "in.w64").read_bytes()
    place = data.index(b"data" + tail)
    extra = b"wxyz" + tail + struct.pack("<Q", 24 + 3) + b"odd" + bytes(5)
    extra += odd + struct.pack("<Q", 24 + 8) + bytes(8)
    (tmp_path / "in.w64").write_bytes(data[:place] + extra + data[place:])
    same = rewrite(tmp_path / "in.w64", tmp_path / "same.w64")
    assert (same.messages, (tmp_path / "same.w64").read_bytes()[40:]) == (
        (),
        (data[:place] + extra + data[place:])[40:],
    )
    written = rewrite(tmp_path / "in.w64", tmp_path / "out.wav", container="WAV")
    found = chunks_of((tmp_path / "out.wav").read_bytes())
    assert [id for id, _ in found] == [b"fmt ", b"wxyz", b"data"]
    assert found[1][1] == b"odd"
    assert written.messages == (f"the Wave64 chunk {odd.hex()} has no counterpart in WAV and was left out",)
    before, after = (soundfile.read(tmp_path / name, dtype="int32")[0] for name in ("in.w64", "out.wav"))
    assert np.array_equal(before, after)


@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_a_lossy_file_of_one_frame_is_written(tmp_path: Path, kind: str) -> None:
    soundfile.write(tmp_path / "in.wav", NOISE[:1], 48_000)
    subtype = {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}[kind]
    rewrite(tmp_path / "in.wav", tmp_path / "out", container=kind, subtype=subtype)
    with open_source(tmp_path / "out") as source:
        assert source.info.frames == 1


@pytest.mark.parametrize(("kind", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("FLAC", "PCM_16")])
def test_a_second_run_gives_the_same_bytes(tmp_path: Path, kind: str, subtype: str) -> None:
    tagged_ogg(tmp_path / "in.ogg")
    for name in ("a", "b"):
        rewrite(tmp_path / "in.ogg", tmp_path / name, container=kind, subtype=subtype)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
