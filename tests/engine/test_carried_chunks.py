"""Whole files: what is in them beside samples, before and after."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen import id3
from rewriting import aiff, aiff_chunk, chunk, chunks_of, half, pcm_format, ramp_16, rewrite, riff, wav

SAMPLES = ramp_16(3001)
CUE = struct.pack("<III4sIII", 1, 1, 1500, b"data", 0, 0, 1500)
SMPL = struct.pack("<9I6I", 0, 0, 20_833, 60, 0, 0, 0, 1, 0, 1, 0, 300, 600, 0, 0)
ADTL = b"adtl" + b"labl" + struct.pack("<II", 8, 1) + b"Mid\0"
IXML = b"<BWFXML><SPEED><FILE_SAMPLE_RATE>48000</FILE_SAMPLE_RATE></SPEED></BWFXML>"
AFTER = [
    (b"cue ", CUE),
    (b"smpl", SMPL),
    (b"LIST", ADTL),
    (b"LIST", b"INFOINAM\x04\0\0\0Mix\0"),
    (b"id3 ", b"ID3\x04\0\0\0\0\0\0"),
    (b"iXML", IXML),
    (b"wxyz", b"nobody knows"),
]


def test_everything_but_the_samples_survives_a_repair_in_its_order(tmp_path: Path) -> None:
    data = wav(SAMPLES, *[chunk(id, content) for id, content in AFTER], before=chunk(b"PAD ", bytes(5)))
    (tmp_path / "in.wav").write_bytes(data)
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.wav", half)
    before, after = (chunks_of((tmp_path / name).read_bytes()) for name in ("in.wav", "out.wav"))
    assert [found for found in after if found[0] != b"data"] == [found for found in before if found[0] != b"data"]
    assert [id for id, _ in after] == [id for id, _ in before]
    assert (tmp_path / "out.wav").stat().st_size == len(data)
    assert written.messages == ()


def test_at_another_rate_every_position_moves(tmp_path: Path) -> None:
    data = wav(SAMPLES, *[chunk(id, content) for id, content in AFTER])
    (tmp_path / "in.wav").write_bytes(data)
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.wav", sample_rate_hz=96_000)
    found = chunks_of((tmp_path / "out.wav").read_bytes())
    content = dict(found)
    assert struct.unpack("<HHIIHH", content[b"fmt "]) == (1, 2, 96_000, 384_000, 4, 16)
    assert content[b"cue "] == struct.pack("<III4sIII", 1, 1, 3000, b"data", 0, 0, 3000)
    assert content[b"smpl"] == struct.pack("<9I6I", 0, 0, 10_417, 60, 0, 0, 0, 1, 0, 1, 0, 600, 1200, 0, 0)
    assert content[b"iXML"] == IXML.replace(b"48000", b"96000")
    kept = [(id, old) for id, old in AFTER if id in (b"LIST", b"id3 ", b"wxyz")]
    assert [item for item in found if item[0] in (b"LIST", b"id3 ", b"wxyz")] == kept
    assert len(content[b"data"]) == 6002 * 4
    assert [message for message in written.messages if "'wxyz'" in message and "old sample rate" in message]
    assert len(written.messages) == 1


@pytest.mark.parametrize("name", [b"PEAK", b"levl", b"MD5 "])
def test_what_describes_the_samples_is_left_out_and_said(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "in.wav").write_bytes(wav(SAMPLES, before=chunk(name, bytes(24))))
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.wav", half)
    assert [id for id, _ in chunks_of((tmp_path / "out.wav").read_bytes())] == [b"fmt ", b"data"]
    assert len(written.messages) == 1
    assert name.decode().strip() in written.messages[0]


def test_gain_in_an_id3_chunk_is_left_out_and_said(tmp_path: Path) -> None:
    tag, out = id3.ID3(), io.BytesIO()
    tag.add(id3.TXXX(encoding=3, desc="REPLAYGAIN_TRACK_PEAK", text="0.9"))
    tag.add(id3.TIT2(encoding=3, text="Mix"))
    tag.save(out)
    (tmp_path / "in.wav").write_bytes(wav(SAMPLES, chunk(b"id3 ", out.getvalue())))
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.wav", half)
    found = dict(chunks_of((tmp_path / "out.wav").read_bytes()))[b"id3 "]
    assert list(id3.ID3(io.BytesIO(found))) == ["TIT2"]
    assert written.messages == ("the ReplayGain tags described the input and were left out",)


def extensible(bits: int = 24, valid: int = 24, channels: int = 2) -> bytes:
    tail = bytes.fromhex("000000001000800000aa00389b71")
    return pcm_format(bits=bits, channels=channels, tag=0xFFFE) + struct.pack("<HHIH", 22, valid, 3, 1) + tail


def test_an_extensible_format_stays_as_it_is(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).bytes(6 * 1000)
    data = riff(chunk(b"fmt ", extensible()), chunk(b"data", samples))
    (tmp_path / "in.wav").write_bytes(data)
    rewrite(tmp_path / "in.wav", tmp_path / "same.wav")
    assert (tmp_path / "same.wav").read_bytes() == data
    rewrite(tmp_path / "in.wav", tmp_path / "half.wav", half)
    assert dict(chunks_of((tmp_path / "half.wav").read_bytes()))[b"fmt "] == extensible()


def test_valid_bits_below_those_stored_are_respected(tmp_path: Path) -> None:
    samples = (np.arange(2000, dtype="<i4") << 12).tobytes()
    (tmp_path / "in.wav").write_bytes(riff(chunk(b"fmt ", extensible(32, 20)), chunk(b"data", samples)))
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav", half)
    found = np.frombuffer(dict(chunks_of((tmp_path / "out.wav").read_bytes()))[b"data"], "<i4")
    assert not (found & 0xFFF).any()
    assert np.abs((found >> 12) - np.arange(2000) / 2).max() <= 1.5


def test_more_channels_than_two_are_kept(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-9999, 9999, (500, 6)).astype(np.int16)
    soundfile.write(tmp_path / "in.wav", samples, 48_000, format="WAVEX", subtype="PCM_16")
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav")
    assert (tmp_path / "in.wav").read_bytes() == (tmp_path / "out.wav").read_bytes()


@pytest.mark.parametrize("is_extensible", [True, False])
def test_float_gets_its_own_format_and_a_count_of_frames(tmp_path: Path, is_extensible: bool) -> None:
    fmt = extensible(16, 16) if is_extensible else pcm_format()
    (tmp_path / "in.wav").write_bytes(riff(chunk(b"fmt ", fmt), chunk(b"bogu", b"12"), chunk(b"data", SAMPLES)))
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav", subtype="FLOAT")
    found = chunks_of((tmp_path / "out.wav").read_bytes())
    assert [id for id, _ in found] == [b"fmt ", b"fact", b"bogu", b"data"]
    assert found[1][1] == struct.pack("<I", 3001)
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.subtype, info.frames) == ("FLOAT", 3001)
    assert found[0][1][:2] == (b"\xfe\xff" if is_extensible else b"\x03\0")


def test_a_count_of_frames_that_is_there_is_set_right(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(SAMPLES, before=chunk(b"fact", struct.pack("<I", 1))))
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav")
    assert dict(chunks_of((tmp_path / "out.wav").read_bytes()))[b"fact"] == struct.pack("<I", 3001)


def mark(number: int, position: int, name: bytes) -> bytes:
    text = bytes([len(name)]) + name
    return struct.pack(">HI", number, position) + text + bytes(len(text) % 2)


def test_the_chunks_of_an_aiff_survive_in_their_order(tmp_path: Path) -> None:
    marks = aiff_chunk(b"MARK", struct.pack(">H", 1) + mark(1, 1500, b"Hook"))
    samples = np.frombuffer(SAMPLES, "<i2").byteswap().tobytes()
    data = aiff(samples, aiff_chunk(b"ID3 ", b"ID3"), marks, before=aiff_chunk(b"NAME", b"Mix"))
    (tmp_path / "in.aiff").write_bytes(data)
    rewrite(tmp_path / "in.aiff", tmp_path / "same.aiff")
    assert (tmp_path / "same.aiff").read_bytes() == data
    rewrite(tmp_path / "in.aiff", tmp_path / "fast.aiff", sample_rate_hz=96_000)
    found = chunks_of((tmp_path / "fast.aiff").read_bytes(), ">")
    assert [id for id, _ in found] == [b"COMM", b"NAME", b"SSND", b"ID3 ", b"MARK"]
    assert found[4][1] == struct.pack(">H", 1) + mark(1, 3000, b"Hook")
    info = soundfile.info(tmp_path / "fast.aiff")
    assert (info.samplerate, info.frames) == (96_000, 6002)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_float_turns_an_aiff_into_aifc(tmp_path: Path, subtype: str) -> None:
    samples = np.frombuffer(SAMPLES, "<i2").byteswap().tobytes()
    (tmp_path / "in.aiff").write_bytes(aiff(samples))
    rewrite(tmp_path / "in.aiff", tmp_path / "out.aiff", subtype=subtype)
    data = (tmp_path / "out.aiff").read_bytes()
    assert data[8:12] == b"AIFC"
    assert [id for id, _ in chunks_of(data, ">")] == [b"FVER", b"COMM", b"SSND"]
    assert struct.unpack(">I", data[4:8])[0] == len(data) - 8
    before, after = (soundfile.read(tmp_path / name)[0] for name in ("in.aiff", "out.aiff"))
    assert np.array_equal(before, after)
    assert soundfile.info(tmp_path / "out.aiff").subtype == subtype


def test_a_depth_below_float_brings_aifc_back_to_integers(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.aiff", np.linspace(-0.5, 0.5, 100), 44_100, subtype="FLOAT")
    rewrite(tmp_path / "in.aiff", tmp_path / "out.aiff", subtype="PCM_24")
    info = soundfile.info(tmp_path / "out.aiff")
    assert (info.subtype, info.frames, info.samplerate) == ("PCM_24", 100, 44_100)
