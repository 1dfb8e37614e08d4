"""The pictures: what is drawn is what was in the sound."""

import numpy as np
import pytest
from picture_reading import read_png, seen
from signals import noise, tone

from rebounce.engine.overview import HIGHEST_HZ, Overview, hz_row
from rebounce.engine.pictures import (
    EMPTY,
    FULL,
    LANE_ROWS,
    LOUDEST_DBFS,
    PEAK,
    POWER,
    QUIETEST_DBFS,
    ZERO,
    frequency_ticks,
    spectrogram_picture,
    time_label,
    time_ticks,
    waveform_picture,
)


def test_a_waveform_reaches_as_high_as_its_samples() -> None:
    audio = np.zeros((1, 48_000), dtype=np.float32)
    audio[0, 12_000:24_000:40] = 0.5
    audio[0, 12_020:24_000:40] = -0.25
    lane = read_png(waveform_picture(seen(audio)))
    middle = (LANE_ROWS - 1) / 2
    drawn = np.flatnonzero(np.isin(lane[:, 450], (PEAK, POWER)))
    assert drawn[0] == np.floor(middle - 0.5 * middle)
    assert drawn[-1] == np.ceil(middle + 0.25 * middle)
    silent = lane[:, 50]
    assert np.flatnonzero(silent != EMPTY).tolist() == [LANE_ROWS // 2 - 1, LANE_ROWS // 2]


def test_full_scale_is_marked_and_what_lies_beyond_stays_in_its_lane() -> None:
    loud = np.concatenate([tone(3_000.0, 24_000, level=0.9), tone(3_000.0, 24_000, level=4.0)], axis=1)
    picture = read_png(waveform_picture(seen(loud)))
    assert picture.shape[0] == 2 * LANE_ROWS
    assert FULL not in picture[:, :590]
    assert np.all((picture[:, 610:] == FULL).any(axis=0))


def test_a_tone_is_a_line_in_its_row_of_the_spectrogram() -> None:
    top_hz = 22_050.0
    picture = read_png(spectrogram_picture(seen(tone(1_000.0, 88_200, level=0.1)), top_hz))
    column = picture[::-1, picture.shape[1] // 2].astype(int)
    assert int(np.argmax(column)) == int(hz_row(1_000.0))
    # -20 dBFS on the scale of the map.
    expected = (-20.0 - QUIETEST_DBFS) / (LOUDEST_DBFS - QUIETEST_DBFS) * 95
    assert column.max() == pytest.approx(expected, abs=2)
    assert len(column) == round(hz_row(top_hz))


def test_pictures_do_not_depend_on_the_blocks() -> None:
    audio = noise(90_001, seed=8)
    one, other = seen(audio), seen(audio, sizes=[1_000, 37, 5_000])
    assert waveform_picture(one) == waveform_picture(other)
    assert spectrogram_picture(one) == spectrogram_picture(other)


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_the_shortest_files_have_pictures(frames: int) -> None:
    overview = Overview(frames=frames, channels=2, sample_rate_hz=48_000)
    if frames:
        overview.add(noise(frames))
    assert read_png(waveform_picture(overview)).shape == (2 * LANE_ROWS, max(frames, 1))
    assert read_png(spectrogram_picture(overview)).shape[1] == max(frames, 1)


def test_the_zero_line_shows_where_there_is_nothing() -> None:
    overview = Overview(frames=0, channels=1, sample_rate_hz=48_000)
    assert ZERO not in read_png(waveform_picture(overview))


@pytest.mark.parametrize(
    ("duration_s", "labels"),
    [
        (24.0, ["0:00", "0:05", "0:10", "0:15", "0:20"]),
        (60.0, ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50", "1:00"]),
        (7200.0, ["0:00", "20:00", "40:00", "1:00:00", "1:20:00", "1:40:00", "2:00:00"]),
        (0.05, ["0.00 s", "0.01 s", "0.02 s", "0.03 s", "0.04 s", "0.05 s"]),
        (0.0, []),
    ],
)
def test_time_ticks_are_round_and_few(duration_s: float, labels: list[str]) -> None:
    ticks = time_ticks(duration_s)
    assert [label for _, label in ticks] == labels
    assert all(0 <= place <= 1 for place, _ in ticks)


def test_frequency_ticks_stand_at_their_rows() -> None:
    ticks = dict((label, place) for place, label in frequency_ticks(22_050.0))
    assert ticks["1 kHz"] == pytest.approx(hz_row(1_000.0) / hz_row(22_050.0))
    assert list(ticks)[-1] == "20 kHz"
    assert "8 kHz" not in dict((label, place) for place, label in frequency_ticks(4_000.0))
    assert all(place < 1 for place in ticks.values())
    assert hz_row(HIGHEST_HZ) == pytest.approx(288)


def test_hours_appear_only_where_there_are_any() -> None:
    assert time_label(3_599.6) == "1:00:00"
    assert time_label(59.4) == "0:59"
