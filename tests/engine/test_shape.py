"""The response of the tone stage, measured through the plugin itself."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from signals import cut, noise

from rebounce.engine.shape import Shape, air_sections

RATES = [8_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]


def response_db(plugin: Shape, frequencies_hz: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """The gain at each frequency, from an impulse that has rung out."""
    impulse = np.zeros((1, rate // 2), np.float32)
    impulse[0, 0] = 1.0
    heard = plugin(impulse, rate)[0].astype(np.float64)
    turns = np.exp(-2j * np.pi * np.outer(frequencies_hz / rate, np.arange(heard.size)))
    read: NDArray[np.float64] = 20 * np.log10(np.abs(turns @ heard))
    return read


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("air_db", [2.0, 6.0])
def test_the_air_is_lifted_by_what_was_asked(rate: int, air_db: float) -> None:
    air_hz = np.array([10_000.0, 12_000, 14_000, 16_000])
    assert response_db(Shape(air_db=air_db), air_hz, rate) == pytest.approx(np.full(4, air_db), abs=0.2)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("air_db", [2.0, 6.0])
def test_the_middle_stays_where_it_is(rate: int, air_db: float) -> None:
    middle_hz = np.array([100.0, 300, 1000])
    assert np.abs(response_db(Shape(air_db=air_db), middle_hz, rate)).max() < 0.1


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 192_000])
def test_nothing_dips_between_100_hz_and_the_top_of_the_air(rate: int) -> None:
    assert response_db(Shape(), np.linspace(100, 16_000, 80), rate).min() > -0.01


@pytest.mark.parametrize("rate", [32_000, 44_100, 96_000])
@pytest.mark.parametrize("air_db", [0.5, 2.0, 12.0])
def test_the_shelf_rises_all_the_way(rate: int, air_db: float) -> None:
    angles = np.exp(-1j * np.linspace(0, np.pi, 2000))
    section = air_sections(air_db, 10_000, rate)[0]
    gain = np.abs(np.polyval(section[2::-1], angles) / np.polyval(section[:2:-1], angles))
    assert np.diff(gain).min() > -1e-9
    assert 20 * np.log10(gain[[0, -1]]) == pytest.approx([0, air_db], abs=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_the_high_pass_is_3_db_down_at_its_corner_and_12_db_an_octave_below(rate: int) -> None:
    read = response_db(Shape(highpass_hz=40), np.array([10.0, 20, 40, 80, 160]), rate)
    assert read == pytest.approx([-24.1, -12.3, -3.0, -0.26, -0.02], abs=0.05)


@pytest.mark.parametrize("rate", [44_100, 48_000, 88_200, 96_000, 192_000])
def test_the_low_pass_is_3_db_down_at_20_khz_and_clear_at_16(rate: int) -> None:
    read = response_db(Shape(air_db=0), np.array([16_000.0, 20_000]), rate)
    assert -0.1 < read[0] < 0.01
    assert read[1] == pytest.approx(-3.0, abs=0.05)
    assert response_db(Shape(air_db=0), np.array([rate * 0.499]), rate)[0] < -20


def test_the_low_pass_is_absent_where_the_rate_ends_below_it() -> None:
    read = response_db(Shape(air_db=0), np.array([1000.0, 12_000, 15_900]), 32_000)
    assert np.abs(read).max() < 0.01


def test_strength_scales_the_lift_and_moves_the_corners_outwards() -> None:
    half = Shape(strength=0.5, highpass_hz=80, lowpass_hz=10_000, air_db=0)
    same = Shape(highpass_hz=40, lowpass_hz=20_000, air_db=0)
    assert np.array_equal(half.sections(48_000), same.sections(48_000))
    assert response_db(Shape(strength=0.5), np.array([14_000.0]), 48_000)[0] == pytest.approx(1.0, abs=0.1)


def test_what_is_switched_off_is_bit_identical() -> None:
    audio = noise(30_000)
    assert np.array_equal(Shape(strength=0)(audio, 44_100), audio)
    assert np.array_equal(Shape(highpass_hz=0, air_db=0, lowpass_hz=96_000)(audio, 44_100), audio)


@given(
    sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=5),
    frames=st.integers(0, 50_000),
    channels=st.integers(1, 3),
)
@example(sizes=[1], frames=0, channels=2)
@settings(max_examples=15, deadline=None)
def test_the_output_does_not_depend_on_the_blocks(sizes: list[int], frames: int, channels: int) -> None:
    audio, plugin = noise(frames, channels, frames), Shape()
    whole = plugin(audio, 48_000)
    pieces = [plugin.process(piece, 48_000, reset=False) for piece in cut(audio, sizes)]
    assert np.array_equal(np.concatenate([whole[:, :0], *pieces, plugin.flush()], axis=1), whole)


@pytest.mark.parametrize("rate", RATES)
def test_silence_and_gain_scale_through(rate: int) -> None:
    audio = noise(20_000)
    assert not Shape()(np.zeros((2, 20_000), np.float32), rate).any()
    assert Shape()(audio * np.float32(4), rate) == pytest.approx(Shape()(audio, rate) * 4, abs=1e-6)


def test_it_falls_silent_after_the_music() -> None:
    audio = np.pad(noise(20_000), ((0, 0), (0, 400_000)))
    assert not Shape()(audio, 48_000)[:, -20_000:].any()


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("frames", [0, 1, 17])
def test_tiny_pieces_keep_their_length(channels: int, frames: int) -> None:
    assert Shape()(noise(frames, channels), 44_100).shape == (channels, frames)
