import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from rewriting import aiff, aiff_chunk, chunk, form, pcm_format, ramp_16, riff

from rebounce.engine.chunk_walk import TRAILING_BYTES
from rebounce.engine.chunks import GUID_TAIL
from rebounce.engine.wave64 import RIFF_GUID, WAVE_GUID
from rebounce.watchers.chunk_sizes import aiff_disagreement, riff_disagreement, wave64_disagreement

SAMPLES_BYTES = (5 << 30) + 6
FORMAT = pcm_format(bits=24)


class Counted(io.FileIO):
    """A file that knows how much was read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size) or b""
        self.bytes_read += len(data)
        return data


def rf64(magic: bytes, outer_bytes: int, data_bytes: int) -> bytes:
    ds64 = struct.pack("<QQQI", outer_bytes, data_bytes, data_bytes // 6, 0)
    head = struct.pack("<4sI4s", magic, 0xFFFFFFFF, b"WAVE") + chunk(b"ds64", ds64) + chunk(b"fmt ", FORMAT)
    return head + struct.pack("<4sI", b"data", 0xFFFFFFFF)


def wave64(outer_bytes: int, data_bytes: int) -> bytes:
    head = RIFF_GUID + struct.pack("<Q", outer_bytes) + WAVE_GUID
    format_chunk = b"fmt " + GUID_TAIL + struct.pack("<Q", 24 + len(FORMAT)) + FORMAT
    return head + format_chunk + b"data" + GUID_TAIL + struct.pack("<Q", 24 + data_bytes)


def sparse(path: Path, head: bytes, length: int, tail: bytes = b"") -> Counted:
    """A file of any length that takes no room: zeros between its head and its tail."""
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(length - len(tail))
        file.seek(0, io.SEEK_END)
        file.write(tail)
    return Counted(path)


HEAD_BYTES = {"rf64": len(rf64(b"RF64", 0, 0)), "wave64": len(wave64(0, 0))}
TRAILING = chunk(b"iXML", b"<BWFXML/>")
Judge = Callable[[BinaryIO], str]


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize(
    ("missing_bytes", "counted_bytes", "agrees"), [(0, 0, True), (1 << 30, 0, False), (0, 1 << 30, False)]
)
def test_of_a_file_of_5_gb_a_few_hundred_bytes_are_read(
    tmp_path: Path, magic: bytes, missing_bytes: int, counted_bytes: int, agrees: bool
) -> None:
    length = HEAD_BYTES["rf64"] + SAMPLES_BYTES + len(TRAILING)
    head = rf64(magic, length - 8, SAMPLES_BYTES + counted_bytes)
    with sparse(tmp_path / "x", head, length - missing_bytes, TRAILING) as file:
        assert (riff_disagreement(cast(BinaryIO, file)) == "") == agrees
        # Where the samples promise more than there is, chunks behind them are looked for in the last megabyte.
        assert file.bytes_read < 1000 + (TRAILING_BYTES if counted_bytes else 0)


@pytest.mark.parametrize("missing_bytes", [0, 1 << 30])
def test_of_a_wave64_file_of_5_gb_a_few_hundred_bytes_are_read(tmp_path: Path, missing_bytes: int) -> None:
    length = HEAD_BYTES["wave64"] + SAMPLES_BYTES
    head = wave64(length, SAMPLES_BYTES)
    with sparse(tmp_path / "x", head, length - missing_bytes) as file:
        assert (wave64_disagreement(cast(BinaryIO, file)) == "") == (missing_bytes == 0)
        assert file.bytes_read < 1000


@pytest.mark.parametrize(("outer_bytes", "data_bytes"), [(0, 600), (0xFFFFFFFFFFFFFFFF, 600), (None, 0)])
def test_64_bit_sizes_that_are_not_written_yet_disagree(outer_bytes: int | None, data_bytes: int) -> None:
    length = HEAD_BYTES["rf64"] + 600
    head = rf64(b"RF64", length - 8 if outer_bytes is None else outer_bytes, data_bytes)
    assert riff_disagreement(io.BytesIO(head + bytes(600)))
    length = HEAD_BYTES["wave64"] + 600
    head = wave64(length if outer_bytes is None else outer_bytes, data_bytes)
    assert wave64_disagreement(io.BytesIO(head + bytes(600)))


def test_an_rf64_file_whose_ds64_chunk_is_still_room_disagrees() -> None:
    head = rf64(b"RF64", 1, 1).replace(b"ds64", b"JUNK")
    assert riff_disagreement(io.BytesIO(head + bytes(600))) == "the header says 0 bytes"


@pytest.mark.parametrize("padding", [0, 3, 5])
def test_wave64_padding_may_be_there_or_not_and_be_counted_or_not(padding: int) -> None:
    plain = wave64(0, 603)
    for counted in (0, 5):
        data = wave64(len(plain) + 603 + counted, 603) + bytes(603 + padding)
        assert wave64_disagreement(io.BytesIO(data)) == ""
    assert wave64_disagreement(io.BytesIO(wave64(len(plain) + 603 + 6, 603) + bytes(603 + padding)))
    assert wave64_disagreement(io.BytesIO(wave64(len(plain) + 603, 603) + bytes(603 + 6)))


def test_a_chunk_that_its_writer_forgot_to_pad_is_no_disagreement() -> None:
    unpadded = struct.pack("<4sI", b"iXML", 9) + b"<BWFXML/>"
    data = riff(chunk(b"fmt ", FORMAT), unpadded, chunk(b"data", ramp_16(4)))
    assert riff_disagreement(io.BytesIO(data)) == ""


def frames_of(data: bytes, frames: int) -> bytes:
    place = data.index(b"COMM") + 10
    return data[:place] + struct.pack(">I", frames) + data[place + 4 :]


@pytest.mark.parametrize(("frames", "agrees"), [(100, True), (0, False), (99, False), (101, False), (2**32 - 1, False)])
def test_the_frames_that_an_aiff_file_counts_must_be_those_it_has(frames: int, agrees: bool) -> None:
    data = frames_of(aiff(ramp_16(100)), frames)
    assert (aiff_disagreement(Path("x.aiff"), io.BytesIO(data)) == "") == agrees


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 8, 9])
@pytest.mark.parametrize("id", [b"FORM", b"SSND"])
def test_aiff_sizes_that_are_not_written_yet_disagree(id: bytes, size: int) -> None:
    data = bytearray(aiff(ramp_16(100)))
    struct.pack_into(">I", data, data.index(id) + 4, size)
    assert aiff_disagreement(Path("x.aiff"), io.BytesIO(bytes(data)))


def test_aiff_samples_that_begin_later_in_their_chunk_are_counted_from_there() -> None:
    common = aiff_chunk(b"COMM", aiff(ramp_16(100))[20:38])
    samples = struct.pack(">II", 16, 0) + bytes(16) + ramp_16(100)
    assert aiff_disagreement(Path("x.aiff"), io.BytesIO(form(aiff_chunk(b"SSND", samples), common))) == ""
    assert aiff_disagreement(Path("x.aiff"), io.BytesIO(form(aiff_chunk(b"SSND", samples[:-4]), common)))


def test_what_is_missing_is_said_in_one_clause() -> None:
    data = riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(600)))
    assert riff_disagreement(io.BytesIO(data[:-6])) == "the header says 644 bytes and the file has only 638"
    longer = data + bytes(6)
    assert riff_disagreement(io.BytesIO(longer)) == "the header says 644 bytes and the file already has 650"
    unstated = data.replace(b"data" + struct.pack("<I", 600), b"data" + bytes(4))
    assert riff_disagreement(io.BytesIO(unstated)) == "the header says 0 bytes of audio"
    assert riff_disagreement(io.BytesIO(riff(chunk(b"fmt ", FORMAT)))) == "there is no audio in it yet"


def test_an_aiff_file_that_does_not_say_what_its_samples_are_disagrees() -> None:
    samples = aiff_chunk(b"SSND", bytes(8) + ramp_16(100))
    common = aiff(ramp_16(100))[20:38]
    for broken in (b"", common[:10], bytes(2) + common[2:], common[:8] + bytes(10)):
        data = form(aiff_chunk(b"COMM", broken), samples)
        assert aiff_disagreement(Path("x.aiff"), io.BytesIO(data)).startswith("the header does not say")
    assert aiff_disagreement(Path("x.aiff"), io.BytesIO(form(aiff_chunk(b"COMM", common), samples))) == ""
    assert aiff_disagreement(Path("x.aiff"), io.BytesIO(form(samples))).startswith("the header does not say")
