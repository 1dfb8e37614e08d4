import io
from typing import BinaryIO, cast

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from signals import noise, tone

from rebounce.watchers.flac_end import crc_8, crc_16, frame_end, missing_end


def flac(audio: np.ndarray, subtype: str = "PCM_24") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio.T, 48_000, format="FLAC", subtype=subtype)
    return file.getvalue()


def with_crc(data: bytes) -> bytes:
    """A frame's header with the checksum that belongs behind it."""
    return data + bytes([crc_8(data)])


def coded(number: int) -> bytes:
    """A number as FLAC codes it: UTF-8's way, but up to 36 bits."""
    if number < 0x80:
        return bytes([number])
    tail: list[int] = []
    most = 6
    while number >= 1 << most:
        tail.insert(0, 0x80 | number & 0x3F)
        number >>= 6
        most -= 1
    return bytes([0xFF << (most + 1) & 0xFF | number, *tail])


def bit_by_bit(data: bytes, polynomial: int, bits: int) -> int:
    """A checksum as its definition says: the remainder of a long division."""
    value = int.from_bytes(data, "big") << bits
    divisor = 1 << bits | polynomial
    for place in range(value.bit_length() - 1, bits - 1, -1):
        if value >> place & 1:
            value ^= divisor << (place - bits)
    return value


@given(data=st.binary(max_size=40))
def test_checksums_are_remainders(data: bytes) -> None:
    assert crc_8(data) == bit_by_bit(data, 0x07, 8)
    assert crc_16(data) == bit_by_bit(data, 0x8005, 16)


@given(number=st.integers(0, (1 << 36) - 1), samples=st.integers(1, 65_536), rate_code=st.sampled_from([9, 12, 13, 14]))
def test_any_number_of_a_frame_is_read_and_what_follows_it(number: int, samples: int, rate_code: int) -> None:
    rate = bytes({9: 0, 12: 1, 13: 2, 14: 2}[rate_code])
    tail = coded(number) + (samples - 1).to_bytes(2, "big") + rate
    variable = with_crc(b"\xff\xf9" + bytes([7 << 4 | rate_code, 0x18]) + tail)
    assert frame_end(variable, 4096) == number + samples
    fixed = with_crc(b"\xff\xf8" + bytes([7 << 4 | rate_code, 0x18]) + tail)
    assert frame_end(fixed, 4096) == number * 4096 + samples
    assert frame_end(fixed[:-1] + bytes([fixed[-1] ^ 1]), 4096) is None
    assert frame_end(fixed[:-1], 4096) is None


@pytest.mark.parametrize(
    "header",
    [b"", b"\xff\xf8\x09\x18\0\0", b"\xff\xf8\x1f\x18\0\0", b"\xff\xf8\x19\x19\0\0", b"\xff\xf8\x19\x18\x80\0\0"],
)
def test_what_is_no_header_of_a_frame_is_not_taken_for_one(header: bytes) -> None:
    assert frame_end(header, 4096) is None


@pytest.mark.parametrize("frames", [1, 191, 4095, 4096, 4097, 8192, 70_000, 600_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_last_frame_is_found_however_long_it_is(frames: int, channels: int) -> None:
    for audio in (noise(frames, channels), np.zeros((channels, frames), dtype=np.float32)):
        data = flac(audio)
        assert missing_end(io.BytesIO(data), 0) == ""
        for fewer in (1, 2, 3, len(data) // 100 + 1):
            assert missing_end(io.BytesIO(data[:-fewer]), 0)


def test_a_byte_that_is_wrong_in_the_last_frame_is_seen() -> None:
    data = flac(noise(20_000))
    for back in (1, 2, 3, 100, 1000):
        spoilt = data[:-back] + bytes([data[-back] ^ 0x10]) + data[len(data) - back + 1 :]
        assert missing_end(io.BytesIO(spoilt), 0)


def test_a_header_that_is_followed_by_zeros_ends_there() -> None:
    data = flac(tone(440, 10_000))
    assert missing_end(io.BytesIO(data[:42] + bytes(1 << 20)), 0) == "the header is not whole"
    assert missing_end(io.BytesIO(data[:20]), 0) == "the header is not whole"


class Counted(io.BytesIO):
    """A file that knows how much was read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def test_no_more_than_a_frame_and_what_may_follow_it_is_read() -> None:
    file = Counted(flac(noise(2_000_000)))
    assert missing_end(cast(BinaryIO, file), 0) == ""
    assert file.bytes_read < 4096 * 2 * 4 + 4096 + 1000
