import io
import struct

import pytest

from rebounce.engine.flac_blocks import (
    APPLICATION,
    MAGIC,
    PADDING,
    STREAMINFO,
    VORBIS_COMMENT,
    FlacBlock,
    application,
    empty_streaminfo,
    pack_blocks,
    read_flac,
)

INFO = empty_streaminfo(48_000, 2, 24)


class Counted(io.BytesIO):
    """A file that counts how often it is read from."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


def test_what_was_put_together_is_read_again() -> None:
    blocks = [FlacBlock(kind=VORBIS_COMMENT, data=b"x" * 300), FlacBlock(kind=PADDING, data=b"")]
    found = read_flac(io.BytesIO(pack_blocks(INFO, blocks) + b"frames"), 0)
    assert found is not None
    assert found.blocks == (FlacBlock(kind=STREAMINFO, data=INFO), *blocks)
    assert (found.bits, found.frames, found.prefix) == (24, 0, b"")
    assert found.of_kind(VORBIS_COMMENT) == [b"x" * 300]


def test_what_stands_before_the_file_is_kept_apart() -> None:
    found = read_flac(io.BytesIO(b"ID3 tag" + pack_blocks(INFO, [])), 7)
    assert found is not None
    assert (found.prefix, len(found.blocks)) == (b"ID3 tag", 1)


@pytest.mark.parametrize("length", range(len(pack_blocks(INFO, [FlacBlock(kind=PADDING, data=b"123")]))))
def test_blocks_that_are_cut_short_are_none(length: int) -> None:
    whole = pack_blocks(INFO, [FlacBlock(kind=PADDING, data=b"123")])
    assert read_flac(io.BytesIO(whole[:length]), 0) is None


@pytest.mark.parametrize("zeros", [4, 100, 1_000_000, 50_000_000])
@pytest.mark.parametrize("blocks", [[], [FlacBlock(kind=VORBIS_COMMENT, data=b"x" * 300)]])
def test_room_allocated_for_what_was_never_written_is_none_and_is_not_read_block_by_block(
    zeros: int, blocks: list[FlacBlock]
) -> None:
    """Zeros read like empty blocks without end; only the one that says that it is the last ends them."""
    head = bytearray(pack_blocks(INFO, [*blocks, FlacBlock(kind=PADDING, data=b"")]))
    head = head[:-4]  # the last block's header was not written yet
    file = Counted(bytes(head) + bytes(zeros))
    assert read_flac(file, 0) is None
    assert file.reads < 20


def test_nothing_but_allocated_room_after_the_magic_is_none() -> None:
    file = Counted(MAGIC + bytes(1_000_000))
    assert read_flac(file, 0) is None
    assert file.reads < 20


def test_a_file_whose_first_block_is_another_is_none() -> None:
    data = struct.pack(">B3s", PADDING | 0x80, (34).to_bytes(3, "big")) + bytes(34)
    assert read_flac(io.BytesIO(MAGIC + data), 0) is None


def test_an_application_block_has_its_id_and_is_none_where_it_would_be_too_large() -> None:
    assert application(b"reap", b"data") == FlacBlock(kind=APPLICATION, data=b"reapdata")
    assert application(b"reap", bytes((1 << 24) - 5)) is not None
    assert application(b"reap", bytes((1 << 24) - 4)) is None
