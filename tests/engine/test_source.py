import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewriting import aiff, chunk, pcm_format, ramp_16, riff, wav

from rebounce.engine.errors import FileError, UnreadableFile, UnsupportedAudio
from rebounce.engine.source import open_source

FORMATS = [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("AIFF", "FLOAT"), ("FLAC", "PCM_24"), ("OGG", "VORBIS")]
FORMATS += [("W64", "DOUBLE"), ("RF64", "PCM_32"), ("MP3", "MPEG_LAYER_III")]
NATIVE = {"PCM_16": "int16", "PCM_24": "int32", "PCM_32": "int32", "DOUBLE": "float64"}


def fail_to_read(path: Path) -> str:
    """What is said about a file, at opening or while it is read."""
    with pytest.raises(FileError) as caught, open_source(path) as source:
        for _ in source.blocks():
            pass
    return str(caught.value)


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
@pytest.mark.parametrize("frames", [1, 319, 65_536, 70_000])
def test_blocks_of_any_size_are_what_soundfile_reads_in_one(
    tmp_path: Path, container: str, subtype: str, frames: int
) -> None:
    path = tmp_path / "x"
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, (70_000, 2))
    soundfile.write(path, samples, 44_100, format=container, subtype=subtype)
    dtype = NATIVE.get(subtype, "float32")
    whole = soundfile.read(path, dtype=dtype, always_2d=True)[0]
    with open_source(path) as source:
        if frames == 1:
            found = [next(iter(source.blocks(1))).original]
            whole = whole[:1]
        else:
            found = [block.original for block in source.blocks(frames)]
        info = source.info
    assert all(len(block) == frames for block in found[:-1])
    assert np.concatenate(found).dtype == dtype
    assert np.array_equal(np.concatenate(found), whole)
    assert (info.container, info.subtype, info.channels, info.sample_rate_hz) == (container, subtype, 2, 44_100)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC"])
def test_a_walk_can_begin_anywhere(tmp_path: Path, container: str) -> None:
    samples = np.random.default_rng(0).integers(-9999, 9999, (20_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "x", samples, 48_000, format=container)
    with open_source(tmp_path / "x") as source:
        found = np.concatenate([block.original for block in source.blocks(700, first_frame=12_345)])
        assert np.array_equal(found, samples[12_345:])
        assert list(source.blocks(first_frame=20_000)) == []


WHOLE = {
    "wav": wav(ramp_16(300), chunk(b"LIST", b"INFOINAM\x04\0\0\0Mix\0"), before=chunk(b"bext", bytes(602))),
    "aiff": aiff(ramp_16(300)),
}


@given(
    kind=st.sampled_from(sorted(WHOLE)),
    changes=st.dictionaries(st.integers(0, 150), st.integers(0, 255), min_size=1, max_size=6),
    kept=st.integers(0, 2000),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_is_an_error_of_ours_or_no_error(
    tmp_path: Path, kind: str, changes: dict[int, int], kept: int
) -> None:
    data = bytearray(WHOLE[kind])
    for place, value in changes.items():
        data[min(place, len(data) - 1)] = value
    (tmp_path / "x").write_bytes(data[:kept])
    said = str(tmp_path / "x")
    try:
        with open_source(tmp_path / "x") as source:
            assert sum(block.frames for block in source.blocks()) == source.info.frames
    except FileError as problem:
        said = str(problem)
    assert str(tmp_path / "x") in said


def test_two_walks_at_a_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", np.random.default_rng(0).uniform(-1, 1, (5000, 1)), 48_000)
    with open_source(tmp_path / "x.flac") as source:
        blocks = source.blocks(1000)
        pairs = list(zip(blocks, blocks, strict=True))
    assert len(pairs) == 5
    assert all(np.array_equal(first.original, second.original) for first, second in pairs)


def test_the_content_says_what_a_file_is_and_not_its_name(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", np.zeros((10, 1)), 48_000)
    (tmp_path / "x.flac").rename(tmp_path / "x.wav")
    with open_source(tmp_path / "x.wav") as source:
        assert source.info.container == "FLAC"


def test_a_big_endian_wav_is_read(tmp_path: Path) -> None:
    samples = np.arange(-500, 500, dtype=">i2")
    data = riff(
        chunk(b"fmt ", pcm_format(order=">"), ">"), chunk(b"data", samples.tobytes(), ">"), magic=b"RIFX", order=">"
    )
    (tmp_path / "x.wav").write_bytes(data)
    with open_source(tmp_path / "x.wav") as source:
        assert np.concatenate([block.original for block in source.blocks()]).ravel().tolist() == samples.tolist()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.wav", b"", "0 bytes"),
        ("text.wav", b"Dear all, here is the mix. " * 40, "renamed"),
        ("text.mp3", b"Dear all, here is the mix. " * 40, "renamed"),
        ("header.wav", b"RIFF\x24\0\0\0WAVE", "without a fmt chunk"),
        ("no_data.wav", riff(chunk(b"fmt ", pcm_format())), "without a data chunk"),
        ("avi.wav", b"RIFF\x24\0\0\0AVI " + bytes(50), "kind b'AVI '"),
        ("adpcm.wav", riff(chunk(b"fmt ", pcm_format(tag=2, bits=4)), chunk(b"data", bytes(100))), "ADPCM"),
        ("no_channels.wav", riff(chunk(b"fmt ", pcm_format(channels=0)), chunk(b"data", b"")), "0 channels"),
        ("crowd.wav", wav(bytes(4000), channels=65), "65 channels"),
        ("slow.wav", wav(bytes(400), rate=7999), "7999 Hz"),
        ("fast.wav", wav(bytes(400), rate=192_001), "192001 Hz"),
        ("cut.aiff", aiff(bytes(400))[:200], "promises 100 frames, the file holds 36"),
        ("no_comm.aiff", b"FORM\0\0\0\x04AIFF", "without a COMM"),
        ("flac_head.flac", b"fLaC\0\0\0\x22" + bytes(10), "within its header"),
        ("broken.mp3", b"\xff\xfb\x90\x44" + bytes(40), "damaged or cut"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_file_and_the_cause(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    message = fail_to_read(tmp_path / name)
    assert message.startswith(str(tmp_path / name))
    assert said in message
    assert any(word in message for word in ("bounce", "check", "copy")), message


def test_a_cut_file_names_the_frames_that_are_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(ramp_16(48_000))[: 44 + 4 * 1000 + 2])
    message = fail_to_read(tmp_path / "x.wav")
    assert "promises 48000 frames, the file holds 1000" in message
    assert "still be being written" in message


@pytest.mark.parametrize("ending", ["flac", "ogg", "mp3"])
def test_an_encoded_file_that_is_cut_is_an_error(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (200_000, 2)), 44_100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert "interrupted" in fail_to_read(path)


@pytest.mark.parametrize(
    ("value", "subtype"), [(np.nan, "FLOAT"), (np.inf, "DOUBLE"), (-np.inf, "FLOAT"), (1e300, "DOUBLE")]
)
def test_what_is_no_number_is_an_error_that_says_where(tmp_path: Path, value: float, subtype: str) -> None:
    samples = np.zeros((100_000, 2))
    samples[70_001, 1] = value
    soundfile.write(tmp_path / "x.wav", samples, 48_000, subtype=subtype)
    message = fail_to_read(tmp_path / "x.wav")
    assert "at frame 70001 of channel 2" in message
    assert "plugin" in message


def test_large_floats_are_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.full((10, 2), 10.0), 48_000, subtype="FLOAT")
    with open_source(tmp_path / "x.wav") as source:
        assert float(next(iter(source.blocks())).audio.max()) == 10.0


def test_a_file_that_grows_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(ramp_16(1000)))
    with open_source(path) as source:
        walk = iter(source.blocks(100))
        next(walk)
        with path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(UnreadableFile, match="changed while it was read"):
            list(walk)


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    for name in ("x.wav", "y.wav"):
        (tmp_path / name).write_bytes(wav(ramp_16(1000)))
    with open_source(tmp_path / "x.wav") as source:
        assert len(list(source.blocks())) == 1
        (tmp_path / "y.wav").replace(tmp_path / "x.wav")
        with pytest.raises(UnreadableFile, match="changed while it was read"):
            list(source.blocks())


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become somebody else")
def test_a_file_that_may_not_be_read_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(ramp_16(10)))
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    script = (
        "import os, sys; from pathlib import Path; from rebounce.engine.source import open_source\n"
        "os.setuid(65534)\n"
        "try: open_source(Path(sys.argv[1]))\n"
        "except Exception as problem: print(type(problem).__name__, problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"UnreadableFile {path}: no permission")


@pytest.mark.parametrize("kind", ["folder", "missing"])
def test_a_folder_or_nothing_at_all_is_an_error(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnreadableFile, match="a folder" if kind == "folder" else "cannot be read"):
        open_source(tmp_path if kind == "folder" else tmp_path / "x.wav")


def test_a_flac_file_of_unknown_length_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, np.zeros((5000, 1)), 48_000)
    data = bytearray(path.read_bytes())
    (packed,) = struct.unpack_from(">Q", data, 18)
    struct.pack_into(">Q", data, 18, packed >> 36 << 36)
    path.write_bytes(data)
    assert "never finished" in fail_to_read(path)


def test_a_flac_file_of_20_bits_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, np.zeros((5000, 1)), 48_000)
    data = bytearray(path.read_bytes())
    (packed,) = struct.unpack_from(">Q", data, 18)
    struct.pack_into(">Q", data, 18, packed & ~(0x1F << 36) | 19 << 36)
    path.write_bytes(data)
    with pytest.raises(UnsupportedAudio, match="20 bits"):
        open_source(path)
