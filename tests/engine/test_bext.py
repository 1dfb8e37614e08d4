import struct
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from rewriting import chunk, chunks_of, half, ramp_16, rewrite, wav

from rebounce.engine.bext import BextLoudness, change_bext, history_line
from rebounce.engine.chunk_positions import Rescale
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.sink import open_sink
from rebounce.engine.source import open_source
from rebounce.engine.target import Target

STORED = SampleFormat(subtype="PCM_24", bits=24, endian="LITTLE", sample_rate_hz=48_000, channels=2)
SAME = Rescale(old_rate_hz=48_000, new_rate_hz=48_000)
LINE = b"A=PCM,F=48000,W=24,M=stereo,T=rebounce 0.1.0;five-stage\r\n"
MAKER = "rebounce 0.1.0;five-stage"


def bext(version: int = 1, reference: int = 0, history: bytes = b"", loudness: tuple[int, ...] = (0,) * 5) -> bytes:
    fixed = b"Description".ljust(256, b"\0") + b"Originator".ljust(32, b"\0") + b"Reference".ljust(32, b"\0")
    fixed += b"2026-11-20" + b"10:11:12" + struct.pack("<QH", reference, version) + bytes(range(64))
    return fixed + struct.pack("<5h", *loudness) + bytes(180) + history


def test_the_line_is_what_ebu_r98_asks_for() -> None:
    assert history_line(STORED, MAKER) == LINE
    assert history_line(replace(STORED, channels=1), "a") == b"A=PCM,F=48000,W=24,M=mono,T=a\r\n"
    assert history_line(replace(STORED, channels=6), "a") == b"A=PCM,F=48000,W=24,T=a\r\n"


def test_a_name_cannot_break_the_history() -> None:
    assert history_line(STORED, "x;my, chain\r\nü") == b"A=PCM,F=48000,W=24,M=stereo,T=x;my  chain  ?\r\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", LINE),
        (b"A=ANALOGUE,M=stereo,T=Studer\r\n", b"A=ANALOGUE,M=stereo,T=Studer\r\n" + LINE),
        (b"A=PCM,T=no end of line", b"A=PCM,T=no end of line\r\n" + LINE),
        (b"A=PCM,T=x\r\n" + bytes(100), (b"A=PCM,T=x\r\n" + LINE).ljust(111, b"\0")),
        (bytes(4), LINE),
    ],
)
def test_the_history_gets_one_line_more_and_reserved_room_is_used_first(old: bytes, new: bytes) -> None:
    changed = change_bext(bext(history=old), SAME, STORED, MAKER, "<")
    assert changed == bext() + new


@pytest.mark.parametrize("version", [0, 1])
def test_all_else_stays_in_versions_without_loudness(version: int) -> None:
    data = bext(version=version, reference=5_000_000_000, loudness=(1, 2, 3, 4, 5))
    assert change_bext(data, SAME, STORED, MAKER, "<")[: len(data)] == data


def test_loudness_that_described_the_input_is_not_set_any_more() -> None:
    changed = change_bext(bext(version=2, loudness=(-1410, 500, -90, -900, -1000)), SAME, STORED, MAKER, "<")
    assert changed[:602] == bext(version=2, loudness=(0x7FFF,) * 5)


@pytest.mark.parametrize(("reference", "expected"), [(0, 0), (48_000, 44_100), (2**40, round(2**40 * 147 / 160))])
def test_the_time_reference_is_the_same_moment_at_another_rate(reference: int, expected: int) -> None:
    rescale = Rescale(old_rate_hz=48_000, new_rate_hz=44_100)
    changed = change_bext(bext(reference=reference), rescale, STORED, MAKER, "<")
    assert struct.unpack_from("<Q", changed, 338) == (expected,)


def test_loudness_is_written_in_hundredths_and_the_unknown_as_not_set() -> None:
    loudness = BextLoudness(integrated_lufs=-14.237, true_peak_dbtp=-1.0, momentary_lufs=-120.0)
    assert struct.unpack("<5h", loudness.to_bytes()) == (-1424, 0x7FFF, -100, 0x7FFF, 0x7FFF)


@pytest.mark.parametrize("version", [1, 2])
def test_the_loudness_of_the_output_goes_where_there_is_a_place_for_it(tmp_path: Path, version: int) -> None:
    data = bext(version=version)
    (tmp_path / "in.wav").write_bytes(wav(ramp_16(1000), before=chunk(b"JUNK", b"odd") + chunk(b"bext", data)))
    with open_source(tmp_path / "in.wav") as source:
        wanted = Target(
            path=tmp_path / "out.wav", container="WAV", subtype="PCM_16", sample_rate_hz=48_000, maker=MAKER
        )
        with open_sink(source, wanted) as sink:
            for block in source.blocks():
                sink.write(block, half(block.audio))
            sink.finish(BextLoudness(integrated_lufs=-23.0, true_peak_dbtp=-3.5))
            sink.publish()
    chunks = chunks_of((tmp_path / "out.wav").read_bytes())
    assert [id for id, _ in chunks] == [b"fmt ", b"JUNK", b"bext", b"data"]
    fields = struct.unpack_from("<5h", chunks[2][1], 412)
    assert fields == ((-2300, 0x7FFF, -350, 0x7FFF, 0x7FFF) if version == 2 else (0,) * 5)


def test_a_restored_wav_keeps_its_bext_and_gains_a_line(tmp_path: Path) -> None:
    data = bext(reference=172_800_000, history=b"A=PCM,F=48000,W=16,M=stereo,T=Pro Tools\r\n")
    (tmp_path / "in.wav").write_bytes(wav(ramp_16(1000), before=chunk(b"bext", data)))
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav", half)
    found = dict(chunks_of((tmp_path / "out.wav").read_bytes()))[b"bext"]
    assert found == data + b"A=PCM,F=48000,W=16,M=stereo,T=rebounce 0.1.0;bypass\r\n"
    assert soundfile.info(tmp_path / "out.wav").frames == 1000


def test_a_bext_that_is_too_short_is_kept_and_said(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(ramp_16(1000), before=chunk(b"bext", bytes(100))))
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.wav", half)
    assert dict(chunks_of((tmp_path / "out.wav").read_bytes()))[b"bext"] == bytes(100)
    assert "shorter than 602 bytes" in written.messages[0]
