import io
from typing import BinaryIO, cast

import numpy as np
import pytest

from rebounce.engine.encoder import Encoder
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.source import open_raw
from rebounce.engine.virtual_file import Outlet, Window

STEREO = SampleFormat(subtype="PCM_16", bits=16, endian="LITTLE", sample_rate_hz=48_000, channels=2)


class FullAfter(io.BytesIO):
    """A file that takes so many bytes and then fails."""

    def __init__(self, room: int, problem: BaseException) -> None:
        super().__init__()
        self._room = room
        self._problem = problem

    def write(self, data: object) -> int:
        taken = memoryview(cast(bytes, data)).nbytes
        if self.tell() + taken > self._room:
            raise self._problem
        return super().write(cast(bytes, data))


def test_a_window_shows_its_bytes_alone() -> None:
    window = Window(io.BytesIO(bytes(range(100))), 10, 20)
    buffer = bytearray(50)
    assert window.seek(0, 2) == 20
    window.seek(15)
    assert window.readinto(memoryview(buffer)) == 5
    assert bytes(buffer[:5]) == bytes(range(25, 30))
    assert window.tell() == 20
    assert window.readinto(memoryview(buffer)) == 0


def test_a_prefix_comes_before_the_window() -> None:
    window = Window(io.BytesIO(bytes(range(100))), 10, 20, prefix=b"abc")
    assert window.seek(0, 2) == 23
    found = b""
    for start in range(0, 30, 2):
        buffer = bytearray(2)
        window.seek(min(start, 23))
        found += bytes(buffer[: window.readinto(memoryview(buffer))])
        if start == 2:  # a read never goes past the prefix
            assert found == b"abc"
            found += bytes([10])
    assert found == b"abc" + bytes(range(10, 30))


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_a_file_raises_in_a_callback_is_raised_after_it(
    problem: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    outlet = Outlet(FullAfter(300_000, problem))
    encoder = Encoder(outlet, open_raw(outlet, "w", STEREO))
    block = np.zeros((65_536, 2), dtype=np.int16)
    encoder.write(block)
    with pytest.raises(type(problem)) as caught:
        encoder.write(block)
    assert caught.value is problem
    encoder.discard()
    assert capfd.readouterr().err == ""


def test_what_reading_raises_in_a_callback_is_raised_after_it() -> None:
    class Failing(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    window = Window(cast(BinaryIO, Failing(bytes(1000))), 0, 1000)
    with open_raw(window, "r", STEREO) as sound:
        sound.read(10)
        with pytest.raises(OSError, match="Input/output error"):
            window.raise_problem()
