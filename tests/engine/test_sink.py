import contextlib
import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewriting import MAKER, half, louder_at, rewrite

from rebounce.engine.audio import Audio
from rebounce.engine.errors import OutputError
from rebounce.engine.pcm import GRID_FRAMES
from rebounce.engine.sink import open_sink
from rebounce.engine.source import open_source
from rebounce.engine.target import Target

WAVE = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
KINDS = [
    *[("WAV", "wav", subtype) for subtype in WAVE],
    *[("RF64", "rf64", subtype) for subtype in WAVE],
    *[("W64", "w64", subtype) for subtype in WAVE],
    *[("AIFF", "aiff", subtype) for subtype in ("PCM_S8", *WAVE)],
    *[("FLAC", "flac", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")],
]


def target_of(path: Path, **fields: object) -> Target:
    wanted = {"container": "WAV", "subtype": "PCM_16", "sample_rate_hz": 48_000, "maker": MAKER} | fields
    return Target(path=path, **wanted)  # type: ignore[arg-type]


def ramp(frames: int, channels: int, dtype: str) -> np.ndarray:
    """Full scale from end to end, through as many values as fit."""
    count = frames * channels
    if dtype.startswith("int"):
        info = np.iinfo(dtype)
        flat = np.linspace(info.min, info.max, count).astype(dtype) if count > 1 else np.zeros(count, dtype)
    else:
        flat = np.linspace(-10.0, 10.0, count, dtype=dtype)
    return flat.reshape(frames, channels)


def bits_of(path: Path) -> np.ndarray:
    """Every sample without loss: float64 holds all there is."""
    return np.asarray(soundfile.read(path, dtype="float64", always_2d=True)[0])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("container", "ending", "subtype"), KINDS)
def test_one_changed_sample_leaves_all_others_bit_identical(
    tmp_path: Path, container: str, ending: str, subtype: str, channels: int
) -> None:
    path, target = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    samples = np.random.default_rng(1).uniform(-1, 1, (1001, channels))
    soundfile.write(path, samples, 48_000, subtype=subtype, format=container)
    written = rewrite(path, target, louder_at(500, channel=channels - 1), frames=4096)
    before, after = bits_of(path), bits_of(target)
    assert written.is_changed
    assert np.argwhere(before != after).tolist() == [[500, channels - 1]]
    step = max(2.0**-24, 2.0 ** (1 - int(subtype[-2:].strip("_SU"))) if subtype.startswith("PCM") else 0)
    assert abs(after[500, -1] - before[500, -1] / 2) <= 1.5 * step
    info = soundfile.info(target)
    # libsndfile counts the padding of 8-bit mono AIFF as a frame when it writes.
    frames = soundfile.info(path).frames
    assert (info.format, info.subtype, info.frames, info.samplerate) == (container, subtype, frames, 48_000)


@pytest.mark.parametrize(
    ("container", "ending", "subtype", "frames"),
    [
        (*kind, frames)
        for kind in KINDS
        for frames in (0, 1, 319, 2 * GRID_FRAMES + 1)
        if (kind[0], frames) != ("FLAC", 0)  # which libsndfile cannot write; the next test makes one of ours
    ],
)
def test_a_file_without_a_change_keeps_every_sample(
    tmp_path: Path, container: str, ending: str, subtype: str, frames: int
) -> None:
    path, target = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    dtype = {"FLOAT": "float32", "DOUBLE": "float64"}.get(subtype, "int32")
    soundfile.write(path, ramp(frames, 1, dtype), 44_100, subtype=subtype, format=container)
    written = rewrite(path, target, lambda audio: audio.copy())
    assert not written.is_changed
    assert written.frames == soundfile.info(path).frames
    assert np.array_equal(bits_of(path), bits_of(target))


def test_a_flac_file_without_frames_is_written_and_read_back(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros((0, 2)), 48_000, subtype="PCM_24")
    rewrite(tmp_path / "in.wav", tmp_path / "out.flac", container="FLAC")
    rewrite(tmp_path / "out.flac", tmp_path / "again.flac")
    assert (tmp_path / "out.flac").read_bytes() == (tmp_path / "again.flac").read_bytes()
    with open_source(tmp_path / "again.flac") as source:
        assert (source.info.frames, source.info.subtype, list(source.blocks())) == (0, "PCM_24", [])


@pytest.mark.parametrize(("container", "ending", "subtype"), [kind for kind in KINDS if kind[2] == "PCM_24"])
def test_a_file_of_libsndfile_comes_back_byte_for_byte_where_nothing_describes_the_samples(
    tmp_path: Path, container: str, ending: str, subtype: str
) -> None:
    path, target = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    soundfile.write(path, ramp(1000, 2, "int32"), 48_000, subtype=subtype, format=container)
    rewrite(path, target)
    assert path.read_bytes() == target.read_bytes()


@given(sizes=st.lists(st.integers(200, 100_000), min_size=1, max_size=6), lag=st.integers(0, 70_000))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_result_depends_neither_on_block_sizes_nor_on_what_the_chain_held_back(
    tmp_path: Path, sizes: list[int], lag: int
) -> None:
    path = tmp_path / "in.wav"
    samples = np.random.default_rng(2).integers(-20_000, 20_000, (150_001, 2)).astype(np.int16)
    soundfile.write(path, samples, 48_000, subtype="PCM_16")
    with open_source(path) as source:
        blocks = list(source.blocks())
        audio = np.concatenate([block.audio for block in blocks], axis=1)
        processed = audio.copy()
        processed[:, 3000:90_000] *= np.float32(0.7)
        digests = []
        for cuts in ([150_001], sizes):
            with open_sink(source, target_of(tmp_path / "out.wav", replaces=True)) as sink:
                _write_in_pieces(
                    sink, source.blocks(max(cuts[0], 300)), processed, cuts, 0 if cuts is not sizes else lag
                )
                sink.finish()
                sink.publish()
            digests.append(hashlib.sha256((tmp_path / "out.wav").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def _write_in_pieces(sink, blocks, processed: Audio, cuts: list[int], lag: int) -> None:  # type: ignore[no-untyped-def]
    """Hand over blocks as read, and the processed audio `lag` frames later, in pieces of other lengths."""
    read = given_back = turn = 0
    for block in blocks:
        read += block.frames
        due = max(given_back, read - lag)
        sink.write(block, processed[:, given_back:due])
        given_back = due
    while given_back < processed.shape[1]:
        piece = cuts[turn % len(cuts)]
        sink.write(None, processed[:, given_back : given_back + piece])
        given_back, turn = given_back + piece, turn + 1


def test_a_second_run_gives_the_same_bytes_whatever_ran_before(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 4)):
        samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (100_000, 2))
        soundfile.write(tmp_path / f"{name}.wav", samples, 48_000, subtype="PCM_24")
    runs = []
    for order in ("ab", "ba"):
        for name in order:
            rewrite(tmp_path / f"{name}.wav", tmp_path / f"{order}.{name}.wav", half)
        runs.append([(tmp_path / f"{order}.{name}.wav").read_bytes() for name in "ab"])
    assert runs[0] == runs[1]


def test_an_untouched_block_is_written_without_being_looked_at(tmp_path: Path) -> None:
    """A sample that float32 cannot hold would not survive a look in float32."""
    samples = np.full((GRID_FRAMES + 5, 1), 0.1, dtype=np.float64)
    soundfile.write(tmp_path / "in.wav", samples, 48_000, subtype="DOUBLE")
    with open_source(tmp_path / "in.wav") as source:
        target = target_of(tmp_path / "out.wav", subtype="DOUBLE")
        with open_sink(source, target) as sink:
            for block in source.blocks():
                sink.write_unchanged(block)
            assert not sink.finish().is_changed
            sink.publish()
    assert np.array_equal(bits_of(tmp_path / "out.wav"), samples)


def test_what_lies_past_full_scale_is_held_there_and_counted(tmp_path: Path) -> None:
    samples = np.array([[0.5], [1.0], [-1.0], [1.5], [-7.0], [0.25]])
    soundfile.write(tmp_path / "in.wav", samples, 48_000, subtype="FLOAT")
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.wav", subtype="PCM_16")
    found = soundfile.read(tmp_path / "out.wav", dtype="int16")[0]
    assert written.clipped_samples == 2
    assert found.tolist() == [16_384, 32_767, -32_768, 32_767, -32_768, 8192]


def test_nothing_is_left_when_the_writing_fails(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros((1000, 2)), 48_000)
    (tmp_path / "out").mkdir()
    with open_source(tmp_path / "in.wav") as source:
        for problem in (KeyboardInterrupt, ValueError):
            sink = open_sink(source, target_of(tmp_path / "out" / "x.wav"))
            with contextlib.suppress(problem), sink:
                sink.write(next(iter(source.blocks())), np.zeros((2, 1000), dtype=np.float32))
                assert [path.name for path in (tmp_path / "out").iterdir()] == [".x.wav.rebounce.part"]
                raise problem
    assert list((tmp_path / "out").iterdir()) == []


def test_an_existing_output_is_replaced_only_when_that_was_asked_for(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros((10, 2)), 48_000)
    (tmp_path / "out.wav").write_bytes(b"precious")
    with pytest.raises(OutputError, match="--force"):
        rewrite(tmp_path / "in.wav", tmp_path / "out.wav")
    assert (tmp_path / "out.wav").read_bytes() == b"precious"
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav", replaces=True)
    assert soundfile.info(tmp_path / "out.wav").frames == 10


@pytest.mark.parametrize(
    ("old", "new", "is_exact"),
    [
        ("PCM_16", "PCM_24", True),
        ("PCM_16", "FLOAT", True),
        ("PCM_24", "FLOAT", True),
        ("PCM_24", "PCM_32", True),
        ("PCM_32", "DOUBLE", True),
        ("FLOAT", "DOUBLE", True),
        ("PCM_24", "PCM_16", False),
        ("DOUBLE", "PCM_24", False),
    ],
)
def test_a_wider_depth_is_exact_and_a_narrower_one_within_dither(
    tmp_path: Path, old: str, new: str, is_exact: bool
) -> None:
    samples = np.random.default_rng(5).uniform(-0.9, 0.9, (5000, 2))
    soundfile.write(tmp_path / "in.wav", samples, 48_000, subtype=old)
    written = rewrite(tmp_path / "in.wav", tmp_path / "out.wav", subtype=new)
    error = np.abs(bits_of(tmp_path / "in.wav") - bits_of(tmp_path / "out.wav")).max()
    assert not written.is_changed
    assert (error == 0) == is_exact
    assert error <= 1.5 * 2.0 ** (1 - int(new[-2:]) if new.startswith("PCM") else -100)


def test_a_narrower_depth_keeps_what_it_can_hold_without_noise(tmp_path: Path) -> None:
    samples = np.zeros((2000, 2), dtype=np.int32)
    samples[1000:] = np.arange(2000).reshape(1000, 2) << 16
    soundfile.write(tmp_path / "in.wav", samples, 48_000, subtype="PCM_24")
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav", subtype="PCM_16")
    found = soundfile.read(tmp_path / "out.wav", dtype="int16")[0]
    assert np.array_equal(found, samples >> 16)


def test_another_rate_gives_the_rounded_number_of_frames(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros((47_519, 2)), 44_100)
    rewrite(tmp_path / "in.wav", tmp_path / "out.wav", sample_rate_hz=48_000)
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.samplerate, info.frames) == (48_000, round(47_519 * 48_000 / 44_100))
