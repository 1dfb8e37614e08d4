import io
import struct

import numpy as np
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from rebounce.engine.ogg_pages import page_checksum, set_serial


@given(data=st.binary(max_size=300))
def test_the_checksum_is_the_remainder_by_the_polynomial_of_ogg(data: bytes) -> None:
    remainder = 0
    for byte in data:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x04C11DB7 if remainder & 0x80000000 else 0)
            remainder &= 0xFFFFFFFF
    assert page_checksum(data) == remainder


def test_only_the_serial_number_and_checksum_of_a_page_change() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).uniform(-1, 1, (30_000, 2)), 44_100, format="OGG")
    before = file.getvalue()
    (serial,) = struct.unpack_from("<I", before, 14)
    set_serial(file, 77)
    changed = file.getvalue()
    assert changed.count(b"OggS") == before.count(b"OggS") > 2
    assert np.array_equal(soundfile.read(io.BytesIO(changed))[0], soundfile.read(io.BytesIO(before))[0])
    set_serial(file, serial)
    assert file.getvalue() == before
