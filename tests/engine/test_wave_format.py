import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewriting import pcm_format

from rebounce.engine.errors import UnreadableFile, UnsupportedAudio
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.wave_format import change_wave_format, make_wave_format, read_wave_format

PATH = Path("x.wav")
SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]
BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}


@given(
    subtype=st.sampled_from(SUBTYPES),
    rate=st.integers(8000, 192_000),
    channels=st.integers(1, 8),
    endian=st.sampled_from(["LITTLE", "BIG"]),
    speakers=st.sampled_from([None, 3]),
)
def test_a_format_comes_back(subtype: str, rate: int, channels: int, endian: str, speakers: int | None) -> None:
    stored = SampleFormat(subtype=subtype, bits=BITS[subtype], endian=endian, sample_rate_hz=rate, channels=channels)
    data = make_wave_format(stored, speakers)
    assert read_wave_format(PATH, data, "<" if endian == "LITTLE" else ">") == stored
    assert (len(data) == 40) == (channels > 2 or speakers is not None)


def test_at_one_subtype_only_the_rates_change() -> None:
    data = pcm_format(bits=24, tag=0xFFFE) + b"any extension"
    new = SampleFormat(subtype="PCM_24", bits=24, endian="LITTLE", sample_rate_hz=96_000, channels=2)
    assert (
        change_wave_format(data, new, is_same_subtype=True)
        == data[:4] + struct.pack("<II", 96_000, 576_000) + data[12:]
    )


def test_another_subtype_keeps_the_speakers() -> None:
    old = SampleFormat(subtype="PCM_16", bits=16, endian="LITTLE", sample_rate_hz=48_000, channels=6)
    new = SampleFormat(subtype="FLOAT", bits=32, endian="LITTLE", sample_rate_hz=48_000, channels=6)
    changed = change_wave_format(make_wave_format(old, 0x3F), new, is_same_subtype=False)
    assert changed == make_wave_format(new, 0x3F)


@pytest.mark.parametrize(("bits", "subtype"), [(20, "PCM_24"), (12, "PCM_16"), (4, "PCM_U8")])
def test_bits_below_those_stored_are_remembered(bits: int, subtype: str) -> None:
    found = read_wave_format(PATH, pcm_format(bits=bits), "<")
    assert (found.subtype, found.bits) == (subtype, bits)


@pytest.mark.parametrize("data", [pcm_format(tag=0x55), pcm_format(bits=40), pcm_format(tag=3, bits=16)])
def test_samples_of_other_kinds_are_refused_with_what_is_expected(data: bytes) -> None:
    with pytest.raises(UnsupportedAudio, match="expected PCM of 8, 16, 24 or 32 bits"):
        read_wave_format(PATH, data, "<")


@pytest.mark.parametrize("data", [pcm_format()[:15], pcm_format(channels=0), pcm_format(rate=0)])
def test_a_damaged_format_is_an_error(data: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"x\.wav"):
        read_wave_format(PATH, data, "<")
