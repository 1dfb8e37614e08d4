"""Tracks: told apart by their content, split by it, and every stretch of one is the same cut of the whole."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UnreadableFile, UnsupportedAudio, UsageError
from rebounce.training.damage import Applied, apply_damage
from rebounce.training.exercise import Item
from rebounce.training.tracks import (
    LEAD_IN_S,
    Track,
    find_tracks,
    frames_at,
    make_pair,
    open_track,
    read_track,
    split_of,
)

RATE_HZ = 44_100


def write(path: Path, audio: Audio, rate_hz: int = RATE_HZ, subtype: str = "FLOAT") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return path


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> tuple[Track, Audio]:
    """Three seconds with everything that a filter could get wrong, and the same as a track."""
    audio = noise(3 * RATE_HZ, seed=1, level=0.2).clip(-1, 1)
    return open_track(write(tmp_path_factory.mktemp("tracks") / "a.wav", audio)), audio


def test_a_track_says_what_its_file_holds(music: tuple[Track, Audio]) -> None:
    track = music[0]
    assert (track.frames, track.sample_rate_hz, track.channels) == (3 * RATE_HZ, RATE_HZ, 2)
    assert track.sha256 == hashlib.sha256(track.path.read_bytes()).hexdigest()


def test_tracks_are_sorted_duplicates_count_once_and_what_fails_is_named(tmp_path: Path) -> None:
    first = write(tmp_path / "b/one.wav", noise(100, seed=1))
    write(tmp_path / "a/two.wav", noise(100, seed=2))
    shutil.copy(first, tmp_path / "b/copy of one.wav")
    (tmp_path / "broken.wav").write_bytes(b"RIFF and nothing")
    write(tmp_path / "empty.wav", np.zeros((2, 0), dtype=np.float32))
    found = find_tracks([tmp_path])
    assert [track.path.relative_to(tmp_path).as_posix() for track in found.tracks] == ["a/two.wav", "b/copy of one.wav"]
    told = {name: [text for text in found.problems if name in text] for name in ("broken.wav", "empty")}
    assert {name: len(texts) for name, texts in told.items()} == dict.fromkeys(told, 1)
    assert "has not one frame of audio" in told["empty"][0]
    assert len(found.problems) == 2
    assert found.copies == [
        f"{first}: the same file as {tmp_path / 'b/copy of one.wav'}, byte for byte; it counts once"
    ]


def test_no_audio_at_all_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected audio files .*, found none; name a file, or a folder"):
        find_tracks([tmp_path])
    with pytest.raises(UsageError, match="no input"):
        find_tracks([])


def test_an_input_that_is_not_there_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    found = find_tracks([tmp_path / "nowhere"])
    assert (found.tracks, len(found.problems)) == ([], 1)


def test_of_ten_thousand_tracks_eight_in_ten_train_and_one_in_ten_each_validates_and_tests() -> None:
    splits = [split_of(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(10_000)]
    shares = {name: splits.count(name) / len(splits) for name in ("train", "validation", "test")}
    assert sum(shares.values()) == 1
    for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert shares[name] == pytest.approx(share, abs=0.015)


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 3 * RATE_HZ), frames=st.integers(0, RATE_HZ))
def test_a_stretch_is_the_same_cut_of_the_whole(music: tuple[Track, Audio], start: int, frames: int) -> None:
    track, audio = music
    frames = min(frames, track.frames - start)
    assert np.array_equal(read_track(track, start_frame=start, frames=frames), audio[:, start : start + frames])


@settings(max_examples=30, deadline=None)
@given(rate_hz=st.sampled_from([8_000, 22_050, 44_101, 48_000, 96_000]), place=st.floats(0, 1), share=st.floats(0, 1))
def test_a_stretch_at_another_rate_is_the_same_cut_of_the_whole_resampled(
    music: tuple[Track, Audio], rate_hz: int, place: float, share: float
) -> None:
    track = music[0]
    whole = read_track(track, sample_rate_hz=rate_hz)
    assert whole.shape == (2, frames_at(track, rate_hz)) == (2, 3 * rate_hz)
    start = round(place * whole.shape[1])
    frames = round(share * (whole.shape[1] - start) / 4)
    stretch = read_track(track, sample_rate_hz=rate_hz, start_frame=start, frames=frames)
    assert stretch.shape == (2, frames)
    np.testing.assert_allclose(stretch, whole[:, start : start + frames], atol=1e-6)


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg"])
def test_a_stretch_of_an_encoded_file_is_the_same_cut_of_the_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(2 * RATE_HZ, level=0.1).T, RATE_HZ)
    track = open_track(path)
    whole = read_track(track)
    for start in (1, 1_151, 40_000, 80_001):
        assert np.array_equal(read_track(track, start_frame=start, frames=5_000), whole[:, start : start + 5_000])


def test_a_mono_track_is_doubled_where_two_channels_are_wanted_and_more_are_refused(tmp_path: Path) -> None:
    mono = open_track(write(tmp_path / "mono.wav", noise(100, channels=1)))
    assert read_track(mono).shape == (1, 100)
    both = read_track(mono, channels=2)
    assert both.shape == (2, 100)
    assert np.array_equal(both[0], both[1])
    many = open_track(write(tmp_path / "surround.wav", noise(100, channels=6)))
    with pytest.raises(UnsupportedAudio, match=r"surround\.wav: 6 channels, expected mono or stereo"):
        read_track(many, channels=2)


def test_no_numbers_in_the_stretch_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    audio = noise(1000)
    audio[1, 700] = np.nan
    track = open_track(write(tmp_path / "nan.wav", audio))
    with pytest.raises(UnreadableFile, match=r"nan\.wav: expected numbers, found nan at frame 700 of channel 2"):
        read_track(track)


def test_a_file_that_changed_is_an_error_that_names_it(music: tuple[Track, Audio], tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1000))
    track = open_track(path)
    write(path, noise(900))
    with pytest.raises(UnsupportedAudio, match=r"a\.wav: the file changed"):
        read_track(track)


ECHO_MS = 500.0


def item(place: float) -> Item:
    return Item(damage=(Applied(fault="gain", parameters={"gain_db": -6.0}),), place=place)


@pytest.mark.parametrize("place", [0.0, 0.3, 0.999_999_999])
@pytest.mark.parametrize("rate_hz", [None, 22_050])
def test_a_pair_is_one_stretch_clean_and_damaged_wherever_it_lies(
    music: tuple[Track, Audio], place: float, rate_hz: int | None
) -> None:
    track, _ = music
    pair = make_pair(track, item(place), seconds=0.5, sample_rate_hz=rate_hz)
    rate = rate_hz or RATE_HZ
    frames, whole = rate // 2, frames_at(track, rate)
    assert pair.clean.shape == pair.damaged.shape == (2, frames)
    assert pair.start_frame == min(int(place * (whole - frames + 1)), whole - frames)
    expected = read_track(track, sample_rate_hz=rate_hz, start_frame=pair.start_frame, frames=frames)
    np.testing.assert_allclose(pair.clean, expected, atol=1e-6)
    np.testing.assert_allclose(pair.damaged, pair.clean * 10 ** (-6 / 20), rtol=1e-6)


def test_a_track_shorter_than_the_excerpt_is_taken_whole(music: tuple[Track, Audio]) -> None:
    assert make_pair(music[0], item(0.5), seconds=60).clean.shape == music[1].shape
    assert make_pair(music[0], item(0.5), seconds=None).clean.shape == music[1].shape


def test_the_damage_before_an_excerpt_reaches_into_it(music: tuple[Track, Audio]) -> None:
    """What a level ride did until the cut goes on behind it: it does not begin anew at each excerpt."""
    track, audio = music
    sections = [
        {"gain_db": 6.0, "section_s": 1.0, "transition_ms": 1.0},
        dict(gain_db=-6.0, section_s=9.0, transition_ms=1.0),
    ]
    damage = (Applied(fault="level_ride", parameters={"sections": sections}),)
    pair = make_pair(track, Item(damage=damage, place=0.999), seconds=0.5)
    first = max(0, pair.start_frame - round(LEAD_IN_S * RATE_HZ))
    through = apply_damage(audio[:, first:], RATE_HZ, damage)
    start = pair.start_frame - first
    assert start > RATE_HZ
    np.testing.assert_array_equal(pair.damaged, through[:, start : start + RATE_HZ // 2])
