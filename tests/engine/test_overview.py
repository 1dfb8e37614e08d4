"""What is gathered for the pictures: extremes, power and spectra, whatever the blocks."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_reading import seen
from signals import noise, tone

from rebounce.engine.errors import UnreadableFile
from rebounce.engine.overview import (
    FLOOR_DBFS,
    SPECTRUM_ROWS,
    WAVE_COLUMNS,
    hz_row,
    overview_of,
    row_bins,
    row_hz,
)


def test_extremes_and_power_are_those_of_numpy_in_each_column() -> None:
    audio = noise(100_003, channels=2, seed=3)
    overview = seen(audio, sizes=[4_096])
    bounds = np.arange(WAVE_COLUMNS + 1) * audio.shape[1] // WAVE_COLUMNS
    for column, (start, end) in enumerate(pairwise(bounds)):
        piece = audio[:, start:end]
        assert np.array_equal(overview.lowest[:, column], piece.min(axis=1))
        assert np.array_equal(overview.highest[:, column], piece.max(axis=1))
        assert np.allclose(overview.rms[:, column], np.sqrt(np.mean(piece.astype(float) ** 2, axis=1)), rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    frames=st.sampled_from([1, 2, 319, 1_199, 1_201, 4_097, 30_011, 120_000]),
    sizes=st.lists(st.sampled_from([1, 7, 480, 4_096, 8_191, 60_000]), min_size=1, max_size=4),
)
def test_the_block_size_does_not_matter(frames: int, sizes: list[int]) -> None:
    if max(sizes) < 100:
        frames = min(frames, 1_201)
    audio = noise(frames, channels=1, seed=frames)
    whole, streamed = seen(audio), seen(audio, sizes=sizes)
    assert streamed.is_whole
    assert np.array_equal(whole.lowest, streamed.lowest)
    assert np.array_equal(whole.highest, streamed.highest)
    assert np.array_equal(whole.spectrum_dbfs, streamed.spectrum_dbfs)
    assert np.allclose(whole.rms, streamed.rms, rtol=1e-6)
    assert whole.loudest_s(0.3) == streamed.loudest_s(0.3)


@pytest.mark.parametrize("sample_rate_hz", [8_000, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_of_1_khz_lights_its_row_and_no_other(sample_rate_hz: int) -> None:
    overview = seen(tone(1_000.0, 2 * sample_rate_hz, sample_rate_hz, level=1.0), sample_rate_hz)
    middle = overview.spectrum_dbfs[:, 100:-100].mean(axis=1)
    row = int(np.argmax(middle))
    assert row == int(hz_row(1_000.0))
    assert middle[row] == pytest.approx(0.0, abs=1.5)
    # A Hann window spreads a tone over four bins, which are up to three rows; it falls by 18 dB per octave beyond.
    far = np.abs(np.arange(SPECTRUM_ROWS) - row) > 4
    assert middle[far].max() < -60.0


def test_both_channels_count_so_that_anti_phase_is_seen() -> None:
    one_side = tone(2_000.0, 44_100)
    opposite = one_side * np.array([[1.0], [-1.0]], dtype=np.float32)
    assert np.array_equal(seen(one_side).spectrum_dbfs, seen(opposite).spectrum_dbfs)


def test_rows_above_half_the_rate_stay_at_the_floor() -> None:
    overview = seen(noise(32_000, seed=1), 16_000)
    above = int(np.ceil(hz_row(8_000.0)))
    assert np.all(overview.spectrum_dbfs[above:] == np.float32(FLOOR_DBFS))
    assert overview.spectrum_dbfs[:above].min() > FLOOR_DBFS


@pytest.mark.parametrize("sample_rate_hz", [8_000, 22_050, 44_100, 96_000, 192_000])
def test_every_row_below_half_the_rate_has_a_bin_and_the_last_ends_where_it_should(sample_rate_hz: int) -> None:
    edges, end = row_bins(sample_rate_hz)
    assert np.all(np.diff(edges) >= 0)
    assert edges[-1] < end
    bin_hz = sample_rate_hz / 2 / (end - 1) if sample_rate_hz < 48_000 else None
    if bin_hz is None:
        top_bin_hz = sample_rate_hz / (1 << int(np.ceil(np.log2(0.085 * sample_rate_hz))))
        assert (end - 1) * top_bin_hz <= row_hz(SPECTRUM_ROWS) + top_bin_hz


def test_rows_and_frequencies_are_each_others_inverse() -> None:
    for row in (0, 1, 100, 287.5):
        assert hz_row(float(row_hz(row))) == pytest.approx(row, abs=1e-9)


def test_the_loudest_stretch_is_where_the_power_is() -> None:
    audio = noise(441_000, level=0.01)
    audio[:, 200_000:288_200] *= 30
    start_s, end_s = seen(audio).loudest_s(2.0)
    assert end_s - start_s == pytest.approx(2.0)
    assert start_s == pytest.approx(200_000 / 44_100, abs=0.02)


def test_a_stretch_longer_than_the_file_is_the_file() -> None:
    assert seen(noise(44_100)).loudest_s(30.0) == (0.0, 1.0)


def test_steady_power_gives_the_first_stretch_whatever_the_rounding() -> None:
    assert seen(tone(441.0, 441_000)).loudest_s(3.0)[0] == 0.0


@pytest.mark.parametrize("level", [0.0, 10.0])
def test_silence_and_peaks_beyond_full_scale_are_finite(level: float) -> None:
    overview = seen(np.full((2, 9_000), level, dtype=np.float32))
    assert np.all(np.isfinite(overview.spectrum_dbfs))
    assert overview.highest.max() == level


def test_an_overview_does_not_grow_with_the_file() -> None:
    def size(seconds: int) -> int:
        overview = seen(noise(44_100 * seconds, channels=1))
        return overview.lowest.nbytes + overview.spectrum_dbfs.nbytes

    assert size(2) == size(40)


def test_a_file_gives_the_same_as_its_samples(tmp_path: Path) -> None:
    audio = noise(150_000, seed=5)
    soundfile.write(tmp_path / "x.wav", audio.T, 44_100, subtype="FLOAT")
    read, direct = overview_of(tmp_path / "x.wav"), seen(audio)
    assert read.duration_s == direct.duration_s
    assert np.array_equal(read.highest, direct.highest)
    assert np.array_equal(read.spectrum_dbfs, direct.spectrum_dbfs)


def test_what_is_no_audio_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("no audio")
    with pytest.raises(UnreadableFile, match=r"x\.wav: not an audio file"):
        overview_of(tmp_path / "x.wav")
