"""Sizes that are wrong, and what is certain about them."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rewriting import aiff, aiff_chunk, chunk, chunks_of, form, pcm_format, ramp_16, rewrite, riff, wav

from rebounce.engine.board import Board
from rebounce.engine.chunks import GUID_LIST_TAIL, GUID_TAIL, Container
from rebounce.engine.errors import UnreadableFile
from rebounce.engine.job import Job, Options
from rebounce.engine.record import RESTORED, UNCHANGED
from rebounce.engine.restore import restore_file
from rebounce.engine.source import open_source

SAMPLES = ramp_16(1000)
DATA_SIZE_AT = 40


def with_size(data: bytes, size: int, at: int = DATA_SIZE_AT, code: str = "<I") -> bytes:
    changed = bytearray(data)
    struct.pack_into(code, changed, at, size)
    return bytes(changed)


def opened(path: Path, data: bytes) -> tuple[Container, bytes]:
    """The container, and the bytes that were read as samples."""
    path.write_bytes(data)
    with open_source(path) as source:
        assert source.container is not None
        samples = b"".join(block.original.astype("<i2").tobytes() for block in source.blocks())
        return source.container, samples


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 44])
@pytest.mark.parametrize("riff_size", [0, 0xFFFFFFFF, 36])
def test_samples_of_unknown_size_go_to_the_end_of_the_file(tmp_path: Path, size: int, riff_size: int) -> None:
    data = with_size(with_size(wav(SAMPLES), size), riff_size, at=4)
    container, samples = opened(tmp_path / "x.wav", data)
    assert samples == SAMPLES
    assert len(container.messages) == 1
    assert "repaired" in container.messages[0]
    assert "1000 frames" in container.messages[0]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_chunks_behind_samples_of_unknown_size_are_not_audio(tmp_path: Path, size: int) -> None:
    after = chunk(b"LIST", b"INFOINAM\x04\0\0\0Mix\0") + chunk(b"zzzz", b"odd")
    container, samples = opened(tmp_path / "x.wav", with_size(wav(SAMPLES, after), size))
    assert samples == SAMPLES
    assert [found.name for found in container.after] == ["LIST", "zzzz"]
    assert "repaired" in container.messages[0]


def test_the_name_of_a_chunk_in_the_middle_of_samples_is_audio(tmp_path: Path) -> None:
    samples = SAMPLES[:100] + b"LIST\x10\0\0\0INFO" + SAMPLES[112:]
    assert opened(tmp_path / "x.wav", with_size(wav(samples), 0))[1] == samples


def test_half_a_frame_at_the_end_is_left_out_and_said(tmp_path: Path) -> None:
    container, samples = opened(tmp_path / "x.wav", with_size(wav(SAMPLES + b"\1\2"), 0))
    assert samples == SAMPLES
    assert "2 bytes of a last frame" in container.messages[0]


def test_chunks_behind_samples_of_a_right_size_are_not_audio(tmp_path: Path) -> None:
    container, samples = opened(tmp_path / "x.wav", wav(SAMPLES, chunk(b"abcd", b"x" * 501)))
    assert samples == SAMPLES
    assert container.messages == ()


@pytest.mark.parametrize("after", [b"", chunk(b"LIST", b"INFO")])
def test_a_file_without_frames_is_not_repaired(tmp_path: Path, after: bytes) -> None:
    container, samples = opened(tmp_path / "x.wav", wav(b"", after))
    assert (samples, container.messages, container.frames) == (b"", (), 0)
    assert [found.name for found in container.after] == (["LIST"] if after else [])


@pytest.mark.parametrize("size", [len(SAMPLES) + 4, 0x7FFFFFFF, 0x10000000])
def test_a_size_beyond_the_end_that_is_no_placeholder_is_an_error(tmp_path: Path, size: int) -> None:
    (tmp_path / "x.wav").write_bytes(with_size(wav(SAMPLES), size))
    with pytest.raises(UnreadableFile, match=f"promises {size // 4} frames, the file holds 1000"):
        open_source(tmp_path / "x.wav")


def test_bytes_behind_the_last_chunk_survive(tmp_path: Path) -> None:
    junk = b"\0\1\2 something that is no chunk"
    (tmp_path / "x.wav").write_bytes(wav(SAMPLES) + junk)
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav")
    assert (tmp_path / "y.wav").read_bytes() == wav(SAMPLES) + junk


def test_a_last_chunk_that_is_cut_short_is_kept_and_said(tmp_path: Path) -> None:
    data = wav(SAMPLES, chunk(b"LIST", b"INFO" + bytes(100)))[:-60]
    (tmp_path / "x.wav").write_bytes(data)
    written = rewrite(tmp_path / "x.wav", tmp_path / "y.wav")
    assert written.messages == ()
    with open_source(tmp_path / "x.wav") as source:
        assert "'LIST' at the end is cut short" in source.info.messages[0]
    # Only the size of the file is another: it does not count what is no chunk.
    assert (tmp_path / "y.wav").read_bytes()[8:] == data[8:]


def test_a_chunk_of_odd_size_whose_writer_forgot_the_padding_is_found_out(tmp_path: Path) -> None:
    bare = chunk(b"odd ", b"123")[:-1]
    container, samples = opened(tmp_path / "x.wav", wav(SAMPLES, before=bare))
    assert samples == SAMPLES
    assert [found.name for found in container.before] == ["fmt ", "odd "]


def test_the_junk_and_order_of_a_file_survive_byte_for_byte(tmp_path: Path) -> None:
    before = chunk(b"JUNK", bytes(28)) + chunk(b"bogu", b"odd" * 5) + chunk(b"bogu", b"twice")
    data = wav(SAMPLES, chunk(b"cue ", bytes(4)), chunk(b"_PMX", b"<x/>"), chunk(b"id3 ", b"ID3"), before=before)
    (tmp_path / "x.wav").write_bytes(data)
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav")
    assert (tmp_path / "y.wav").read_bytes() == data
    rewrite(tmp_path / "x.wav", tmp_path / "z.wav", lambda audio: audio * np.float32(0.5))
    changed = chunks_of((tmp_path / "z.wav").read_bytes())
    assert [found for found in changed if found[0] != b"data"] == [
        found for found in chunks_of(data) if found[0] != b"data"
    ]
    assert [id for id, _ in changed] == [id for id, _ in chunks_of(data)]


def test_a_large_chunk_is_copied_whole(tmp_path: Path) -> None:
    large = np.random.default_rng(0).bytes((3 << 20) + 1)
    (tmp_path / "x.wav").write_bytes(wav(SAMPLES, before=chunk(b"big ", large)))
    rewrite(tmp_path / "x.wav", tmp_path / "y.wav")
    assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "y.wav").read_bytes()


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_an_unfinished_aiff_is_repaired(tmp_path: Path, size: int) -> None:
    data = aiff(np.frombuffer(SAMPLES, "<i2").astype(">i2").tobytes())
    unfinished = with_size(with_size(data, size, at=42, code=">I"), 0, at=22, code=">I")
    container, samples = opened(tmp_path / "x.aiff", unfinished)
    assert samples == SAMPLES
    assert "repaired" in container.messages[0]


def test_an_aiff_whose_header_counts_no_frames_is_repaired(tmp_path: Path) -> None:
    data = aiff(np.frombuffer(SAMPLES, "<i2").astype(">i2").tobytes())
    container, samples = opened(tmp_path / "x.aiff", with_size(data, 0, at=22, code=">I"))
    assert samples == SAMPLES
    assert "all 1000 were read" in container.messages[0]


def test_an_aiff_without_frames_may_have_no_sample_chunk(tmp_path: Path) -> None:
    common = struct.pack(">HIH", 2, 0, 16) + bytes.fromhex("400ebb80000000000000")
    container, samples = opened(tmp_path / "x.aiff", form(aiff_chunk(b"COMM", common)))
    assert (samples, container.frames, container.format.sample_rate_hz) == (b"", 0, 48_000)


def wave64(samples: bytes, data_size: int | None = None) -> bytes:
    stated = len(samples) + 24 if data_size is None else data_size
    chunks = b"fmt " + GUID_TAIL + struct.pack("<Q", 24 + 16) + pcm_format()
    chunks += b"data" + GUID_TAIL + struct.pack("<Q", stated) + samples
    head = b"riff" + GUID_LIST_TAIL + struct.pack("<Q", 40 + len(chunks)) + b"wave" + GUID_TAIL
    return head + chunks


@pytest.mark.parametrize("size", [0, 24, 0xFFFFFFFFFFFFFFFF])
def test_an_unfinished_wave64_is_repaired(tmp_path: Path, size: int) -> None:
    container, samples = opened(tmp_path / "x.w64", wave64(SAMPLES, size))
    assert samples == SAMPLES
    assert "repaired" in container.messages[0]


def test_a_cut_wave64_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.w64").write_bytes(wave64(SAMPLES)[:-400])
    with pytest.raises(UnreadableFile, match="promises 1000 frames, the file holds 900"):
        open_source(tmp_path / "x.w64")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFFFFFFFFFF])
def test_an_unfinished_rf64_is_repaired(tmp_path: Path, size: int) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", size, size, size, 0))
    samples_chunk = b"data\xff\xff\xff\xff" + SAMPLES
    data = riff(sizes, chunk(b"fmt ", pcm_format()), samples_chunk, magic=b"RF64")
    container, samples = opened(tmp_path / "x.rf64", data)
    assert samples == SAMPLES
    assert "repaired" in container.messages[0]


def rf64(samples: bytes, promised: int) -> bytes:
    """An RF64 whose 64-bit size of the samples says so much."""
    sizes = chunk(b"ds64", struct.pack("<QQQI", promised + 72, promised, promised // 4, 0))
    return riff(sizes, chunk(b"fmt ", pcm_format()), b"data\xff\xff\xff\xff" + samples, magic=b"RF64")


@pytest.mark.parametrize("promised", [len(SAMPLES) + 4, 1 << 31, 5_000_000_000, (1 << 64) - 0x101 - 3])
def test_an_rf64_that_promises_more_than_it_holds_is_cut_short_and_not_repaired(tmp_path: Path, promised: int) -> None:
    (tmp_path / "x.rf64").write_bytes(rf64(SAMPLES, promised))
    with pytest.raises(UnreadableFile, match=f"promises {promised // 4} frames, the file holds 1000"):
        open_source(tmp_path / "x.rf64")


def test_an_rf64_of_more_than_4_gb_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    """Its promise is beyond what 32 bits hold, as "not known" would be there."""
    with (tmp_path / "x.rf64").open("wb") as file:
        file.write(rf64(SAMPLES, 5_000_000_000))
        file.truncate(4_500_000_000)  # a hole: no room is taken
    with pytest.raises(UnreadableFile, match="promises 1250000000 frames"):
        open_source(tmp_path / "x.rf64")


def test_a_whole_rf64_is_read_without_a_word(tmp_path: Path) -> None:
    container, samples = opened(tmp_path / "x.rf64", rf64(SAMPLES, len(SAMPLES)))
    assert samples == SAMPLES
    assert list(container.messages) == []


@pytest.mark.parametrize(
    ("name", "unfinished"),
    [
        ("x.wav", with_size(with_size(wav(SAMPLES), 0), 0, at=4)),
        ("x.w64", wave64(SAMPLES, 0)),
        ("x.aiff", with_size(aiff(np.frombuffer(SAMPLES, "<i2").astype(">i2").tobytes()), 0, at=22, code=">I")),
    ],
)
def test_what_was_never_finished_comes_back_whole_even_where_no_sample_changes(
    tmp_path: Path, name: str, unfinished: bytes
) -> None:
    (tmp_path / name).write_bytes(unfinished)
    for source, target, status in ((name, "once", RESTORED), (f"once/{name}", "twice", UNCHANGED)):
        (tmp_path / target).mkdir()
        place = tmp_path / target / name
        job = Job(source=tmp_path / source, target=place, copy_target=place, options=Options(), preset="bypass")
        assert restore_file(job, Board()).status == status
        samples, _ = soundfile.read(place, dtype="int16")
        assert samples.tobytes() == SAMPLES
