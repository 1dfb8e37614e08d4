import io

import pytest
import soundfile
from signals import noise

from rebounce.engine.ogg_pages import page_checksum
from rebounce.watchers.ogg_end import missing_end


def ogg(frames: int = 200_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, noise(frames).T, 48_000, format="OGG", subtype="VORBIS")
    return file.getvalue()


def page(payload: bytes, flags: int) -> bytes:
    """One page of a stream, the largest if the payload is."""
    lengths = bytes([255] * (len(payload) // 255)) + (bytes([len(payload) % 255]) if len(payload) % 255 else b"")
    bare = b"OggS\0" + bytes([flags]) + bytes(16) + bytes(4) + bytes([len(lengths)]) + lengths + payload
    return bare[:22] + page_checksum(bare).to_bytes(4, "little") + bare[26:]


def test_the_page_at_the_end_must_say_that_it_is_the_last() -> None:
    data = ogg()
    assert missing_end(io.BytesIO(data)) == ""
    assert missing_end(io.BytesIO(data[: data.rindex(b"OggS")])) == "the stream has not been ended"


def test_a_byte_that_is_wrong_in_the_last_page_is_seen() -> None:
    data = ogg()
    for back in (1, 50, len(data) - data.rindex(b"OggS") - 30):
        assert missing_end(io.BytesIO(data[:-back] + bytes([data[-back] ^ 1]) + data[len(data) - back + 1 :]))


@pytest.mark.parametrize("payload", [b"", b"abc", b"OggS" * 20, bytes(255 * 255)])
def test_the_last_page_is_found_whatever_it_holds(payload: bytes) -> None:
    before = page(bytes(70_000 % (255 * 255)), 2)
    assert missing_end(io.BytesIO(before + page(payload, 4))) == ""
    assert missing_end(io.BytesIO(before + page(payload, 0))) == "the stream has not been ended"
    assert missing_end(io.BytesIO(before + page(payload, 4)[:-1]))
