import io
import struct

import pytest
import soundfile
from signals import noise

from rebounce.engine.mp3_frames import read_frame_header
from rebounce.watchers.mp3_count import audio_end, count_disagreement

ID3V1 = b"TAG" + bytes(125)


def mp3(mode: str = "VARIABLE", channels: int = 2, rate: int = 44_100) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, noise(rate * 3, channels).T, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return file.getvalue()


def ape(with_header: bool) -> bytes:
    """An APE tag with one item."""
    item = struct.pack("<II", 3, 0) + b"Title\0Mix"
    flags = 1 << 31 if with_header else 0
    footer = struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(item) + 32, 1, flags)
    header = struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(item) + 32, 1, flags | 1 << 29)
    return (header if with_header else b"") + item + footer


def first_frame_bytes(data: bytes) -> int:
    header = read_frame_header(data)
    assert header is not None
    return header.frame_bytes


@pytest.mark.parametrize("tail", [b"", ID3V1, ape(True), ape(False), ape(True) + ID3V1])
@pytest.mark.parametrize("rate", [44_100, 22_050])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
def test_the_count_of_bytes_must_be_that_of_the_file_without_its_tags(
    mode: str, channels: int, rate: int, tail: bytes
) -> None:
    data = mp3(mode, channels, rate)
    assert count_disagreement(io.BytesIO(data + tail), 0) == ""
    assert audio_end(io.BytesIO(data + tail)) == len(data)
    assert count_disagreement(io.BytesIO(data[:-1] + tail), 0)
    assert count_disagreement(io.BytesIO(data + bytes(5000) + tail), 0)


def test_an_mp3_without_a_count_says_nothing() -> None:
    data = mp3()
    assert count_disagreement(io.BytesIO(data[first_frame_bytes(data) :]), 0) is None
    assert count_disagreement(io.BytesIO(b"\xff\xfb"), 0) is None
    layer_2 = bytes([data[0], data[1] & 0xF9 | 4])
    assert count_disagreement(io.BytesIO(layer_2 + data[2:]), 0) is None


def test_a_count_without_bytes_says_nothing_and_one_of_0_bytes_is_not_written_yet() -> None:
    data = bytearray(mp3())
    place = max(data.find(b"Xing"), data.find(b"Info"))
    struct.pack_into(">I", data, place + 12, 0)
    assert count_disagreement(io.BytesIO(bytes(data)), 0) == "the header says 0 bytes of audio"
    data[place + 7] &= ~2 & 0xFF
    assert count_disagreement(io.BytesIO(bytes(data)), 0) is None


def test_bytes_that_do_not_count_their_own_frame_agree_as_well() -> None:
    data = bytearray(mp3())
    place = max(data.find(b"Xing"), data.find(b"Info"))
    struct.pack_into(">I", data, place + 12, len(data) - first_frame_bytes(bytes(data)))
    assert count_disagreement(io.BytesIO(bytes(data)), 0) == ""


def test_the_other_kind_of_count_is_read_too() -> None:
    data = mp3("CONSTANT")
    length = first_frame_bytes(data)
    for amount, agrees in ((0, True), (1, False), (-length - 1, False)):
        tag = struct.pack(">4sHHHII", b"VBRI", 1, 0, 75, len(data) + amount, 100)
        frame = (data[:4] + bytes(32) + tag).ljust(length, b"\0")
        assert (count_disagreement(io.BytesIO(frame + data[length:]), 0) == "") == agrees
