"""WAV files that grow past what 32 bits can say; the limit is lowered so that small files show it."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rewriting import chunk, chunks_of, half, pcm_format, ramp_16, rewrite, riff, wav

from rebounce.engine.errors import OutputError
from rebounce.engine.source import open_source

SAMPLES = ramp_16(5000)
LIMIT = 15_000


def ds64_of(data: bytes) -> tuple[int, ...]:
    found = dict(chunks_of_large(data))
    return struct.unpack("<QQQI", found[b"ds64"][:28])


def chunks_of_large(data: bytes) -> list[tuple[bytes, bytes]]:
    """As `chunks_of`, with the size of the samples from ds64."""
    assert data[:4] == b"RF64"
    assert data[4:8] == b"\xff\xff\xff\xff"
    (samples_bytes,) = struct.unpack_from("<Q", data, 28)
    place = data.index(b"data\xff\xff\xff\xff") + 4
    return chunks_of(data[:place] + struct.pack("<I", samples_bytes) + data[place + 4 :])


def test_a_wav_that_passes_the_limit_becomes_rf64_and_all_its_sizes_are_right(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(SAMPLES, chunk(b"LIST", b"INFO")))
    written = rewrite(tmp_path / "x.wav", tmp_path / "y.wav", riff_most_bytes=LIMIT)
    data = (tmp_path / "y.wav").read_bytes()
    assert ds64_of(data) == (len(data) - 8, len(SAMPLES), 5000, 0)
    assert [id for id, _ in chunks_of_large(data)] == [b"ds64", b"fmt ", b"data", b"LIST"]
    assert dict(chunks_of_large(data))[b"data"] == SAMPLES
    assert "RF64" in written.messages[0]
    assert soundfile.info(tmp_path / "y.wav").format == "RF64"
    assert np.array_equal(soundfile.read(tmp_path / "y.wav")[0], soundfile.read(tmp_path / "x.wav")[0])


def test_room_that_was_kept_for_it_becomes_ds64(tmp_path: Path) -> None:
    spare = riff(chunk(b"JUNK", bytes(92)), chunk(b"fmt ", pcm_format()), chunk(b"data", SAMPLES))
    (tmp_path / "x.wav").write_bytes(spare)
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav", riff_most_bytes=LIMIT)
    data = (tmp_path / "y.wav").read_bytes()
    assert len(data) == len(spare)
    assert [(id, len(found)) for id, found in chunks_of_large(data)[:2]] == [(b"ds64", 92), (b"fmt ", 16)]


def test_a_file_below_the_limit_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(SAMPLES))
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav", riff_most_bytes=len(wav(SAMPLES)))
    assert (tmp_path / "y.wav").read_bytes() == wav(SAMPLES)


def test_a_wider_depth_can_push_a_wav_past_the_limit(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(ramp_16(2000)))
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav", subtype="FLOAT", riff_most_bytes=LIMIT)
    assert ds64_of((tmp_path / "y.wav").read_bytes())[1:3] == (2000 * 8, 2000)


def test_rf64_stays_rf64_with_its_table_and_the_room_behind_it(tmp_path: Path) -> None:
    row = struct.pack("<4sQ", b"huge", 7)
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, len(SAMPLES), 5000, 1) + row + bytes(8))
    data = riff(sizes, chunk(b"fmt ", pcm_format()), b"data\xff\xff\xff\xff" + SAMPLES, magic=b"RF64")
    (tmp_path / "x.wav").write_bytes(data)
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav", half)
    found = dict(chunks_of_large((tmp_path / "y.wav").read_bytes()))[b"ds64"]
    assert struct.unpack("<QQQI", found[:28]) == (len(data) - 8, len(SAMPLES), 5000, 1)
    assert found[28:] == row + bytes(8)


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_what_the_long_form_begins_with_is_kept(tmp_path: Path, magic: bytes) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, len(SAMPLES), 5000, 0))
    data = riff(sizes, chunk(b"fmt ", pcm_format()), b"data\xff\xff\xff\xff" + SAMPLES, magic=magic)
    (tmp_path / "x.wav").write_bytes(data)
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav")
    assert (tmp_path / "y.wav").read_bytes()[:4] == magic


def test_a_big_endian_wav_past_the_limit_is_an_error(tmp_path: Path) -> None:
    order = ">"
    data = riff(
        chunk(b"fmt ", pcm_format(order=order), order), chunk(b"data", SAMPLES, order), magic=b"RIFX", order=order
    )
    (tmp_path / "x.wav").write_bytes(data)
    with pytest.raises(OutputError, match="RIFX"):
        rewrite(tmp_path / "x.wav", tmp_path / "y.wav", riff_most_bytes=LIMIT)
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]


@pytest.mark.parametrize("kind", ["rf64", "w64", "wrapped"])
def test_samples_beyond_four_gigabytes_are_found(tmp_path: Path, kind: str) -> None:
    """A sparse file: nothing but its header and its last samples is on disk."""
    frames = (1 << 30) + 1000
    samples_bytes = 4 * frames
    path = tmp_path / f"x.{kind}"
    head = {"rf64": _long_head, "w64": _wave64_head, "wrapped": _wrapped_head}[kind](samples_bytes)
    with path.open("wb") as file:
        file.write(head)
        file.seek(len(head) + samples_bytes - 4)
        file.write(struct.pack("<hh", 1234, -4321))
    with open_source(path) as source:
        assert source.info.frames == frames
        assert source.container is not None
        assert source.container.samples.offset == len(head)
        assert bool(source.info.messages) == (kind == "wrapped")
        last = [block.original.tolist() for block in source.blocks(first_frame=frames - 3)]
        assert last == [[[0, 0], [0, 0], [1234, -4321]]]


def _long_head(samples_bytes: int) -> bytes:
    sizes = chunk(b"ds64", struct.pack("<QQQI", samples_bytes + 72, samples_bytes, samples_bytes // 4, 0))
    return riff(sizes, chunk(b"fmt ", pcm_format()), magic=b"RF64") + b"data\xff\xff\xff\xff"


def _wave64_head(samples_bytes: int) -> bytes:
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    riff_tail = bytes.fromhex("2e91cf11a5d628db04c10000")
    chunks = b"fmt " + tail + struct.pack("<Q", 40) + pcm_format()
    chunks += b"data" + tail + struct.pack("<Q", samples_bytes + 24)
    return b"riff" + riff_tail + struct.pack("<Q", 40 + len(chunks) + samples_bytes) + b"wave" + tail + chunks


def _wrapped_head(samples_bytes: int) -> bytes:
    return riff(chunk(b"fmt ", pcm_format())) + b"data" + struct.pack("<I", samples_bytes % (1 << 32))
