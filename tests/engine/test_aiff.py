import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.engine.aiff import from_extended, make_common, read_common, to_extended
from rebounce.engine.errors import FileError
from rebounce.engine.sample_formats import SampleFormat


@given(rate=st.integers(1, 2**31))
def test_a_rate_comes_back_from_an_extended_number(rate: int) -> None:
    assert from_extended(to_extended(rate)) == rate


@pytest.mark.parametrize(
    ("data", "rate"),
    [
        ("400eac44000000000000", 44_100),
        ("400bfa00000000000000", 8000),
        ("400eac43c28f5c28f5c3", 44_100),  # 44099.76: what is not whole goes to the nearest
        ("00000000000000000000", 0),
        ("7fff8000000000000000", 0),
        ("c00eac44000000000000", 0),
    ],
)
def test_extended_numbers_are_read_and_what_is_no_rate_is_zero(data: str, rate: int) -> None:
    assert from_extended(bytes.fromhex(data)) == rate


def common(bits: int, codec: bytes = b"", channels: int = 2) -> bytes:
    return struct.pack(">HIH", channels, 10, bits) + to_extended(44_100) + codec


@pytest.mark.parametrize(
    ("bits", "codec", "subtype", "endian"),
    [
        (8, b"", "PCM_S8", "BIG"),
        (8, b"raw \0\0", "PCM_U8", "BIG"),
        (16, b"sowt\0\0", "PCM_16", "LITTLE"),
        (24, b"NONE\0\0", "PCM_24", "BIG"),
        (20, b"", "PCM_24", "BIG"),
        (24, b"in24\0\0", "PCM_24", "BIG"),
        (32, b"FL32\0\0", "FLOAT", "BIG"),
        (16, b"fl64\0\0", "DOUBLE", "BIG"),
    ],
)
def test_every_kind_of_samples_is_told(bits: int, codec: bytes, subtype: str, endian: str) -> None:
    found = read_common(Path("x.aiff"), common(bits, codec), b"AIFC" if codec else b"AIFF")
    assert (found.format.subtype, found.format.endian, found.format.sample_rate_hz) == (subtype, endian, 44_100)
    assert found.format.bits == (bits if subtype.startswith("PCM") else {"FLOAT": 32, "DOUBLE": 64}[subtype])


@pytest.mark.parametrize("data", [common(16, b"ima4\0\0"), common(40), common(16, channels=0), bytes(10)])
def test_what_cannot_be_read_is_an_error(data: bytes) -> None:
    with pytest.raises(FileError, match=r"x\.aiff"):
        read_common(Path("x.aiff"), data, b"AIFC")


def test_what_need_not_change_keeps_its_bytes() -> None:
    old = SampleFormat(subtype="PCM_16", bits=16, endian="LITTLE", sample_rate_hz=44_100, channels=2)
    data = common(16, b"sowt\x04Mine\0")
    assert make_common(data, old, old, 10) == data
