"""The compressor's curve and times in numbers, and against the recursion written out."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.dynamics import HOLD_DB_PER_MS, SMALLEST_REDUCTION_DB, Dynamics, ReductionSmoother

RATE = 44_100


def level_steps(levels_db: list[float], seconds: float = 1.0, rate: int = RATE) -> Audio:
    """A constant that holds each level for its time."""
    return np.repeat(10 ** (np.array(levels_db) / 20), round(seconds * rate)).astype(np.float32)[np.newaxis]


def gain_db(plugin: Dynamics, audio: Audio, rate: int = RATE) -> NDArray[np.float64]:
    read: NDArray[np.float64] = 20 * np.log10(plugin(audio, rate)[0] / audio[0]).astype(np.float64)
    return read


def peak_db(audio: Audio) -> float:
    return float(20 * np.log10(np.abs(audio[:, audio.shape[1] // 2 :]).max()))


@pytest.mark.parametrize("threshold_db", [-30.0, -20.0, -6.0])
@pytest.mark.parametrize("ratio", [1.5, 4.0, 20.0])
@pytest.mark.parametrize("over_db", [-3.0, 0.0, 4.0, 12.0])
def test_a_steady_level_follows_the_static_curve(threshold_db: float, ratio: float, over_db: float) -> None:
    audio = level_steps([threshold_db + over_db])
    settled = gain_db(Dynamics(threshold_db=threshold_db, ratio=ratio), audio)[-1]
    assert settled == pytest.approx(-max(over_db, 0) * (1 - 1 / ratio), abs=0.01)


@pytest.mark.parametrize(("frequency_hz", "shortfall_db"), [(50, 0.95), (1000, 0.2)])
def test_four_db_more_of_a_tone_come_out_as_one(frequency_hz: int, shortfall_db: float) -> None:
    out = [peak_db(Dynamics()(tone(frequency_hz, RATE, RATE, 10 ** (level / 20)), RATE)) for level in (-12, -8, -4, 0)]
    assert np.diff(out) == pytest.approx(np.ones(3), abs=0.05)
    assert 0 <= out[0] - (-20 + 8 / 4) <= shortfall_db


@pytest.mark.parametrize("attack_ms", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("level_db", [-14.0, 0.0])
def test_after_the_attack_time_the_gain_has_gone_63_percent(attack_ms: float, level_db: float) -> None:
    moved = gain_db(Dynamics(attack_ms=attack_ms), level_steps([-60, level_db]))[RATE:]
    reached_ms = np.argmax(moved <= (1 - np.exp(-1)) * moved[-1]) / RATE * 1000
    assert reached_ms == pytest.approx(attack_ms, rel=0.02, abs=0.05)


@pytest.mark.parametrize("release_ms", [30.0, 100.0, 300.0])
@pytest.mark.parametrize("level_db", [-14.0, 0.0])
def test_after_the_release_time_63_percent_are_back(release_ms: float, level_db: float) -> None:
    """The detector lets go within 20 dB / 2 dB per ms = 10 ms, half of which the release takes longer at most."""
    moved = gain_db(Dynamics(release_ms=release_ms), level_steps([level_db, -60]))[RATE - 1 :]
    reached_ms = np.argmax(moved >= np.exp(-1) * moved[0]) / RATE * 1000
    longest_ms = (level_db + 20) / HOLD_DB_PER_MS
    assert release_ms * 0.99 <= reached_ms <= release_ms * 1.01 + 0.7 * longest_ms


def test_the_smoother_is_the_recursion_it_stands_for() -> None:
    target = np.abs(noise(20_000, 1, level=8.0)[0])
    rise, fall = (1 - np.exp(-1000 / (RATE * ms)) for ms in (10.0, 100.0))
    value, expected = 0.0, np.empty(target.size)
    for index, asked in enumerate(target):
        value += (rise if asked > value else fall) * (asked - value)
        expected[index] = value
    smoothed = ReductionSmoother(RATE, 10.0, 100.0).smooth(target.astype(np.float32))
    # In the first ms the filter also rises from 0 to the floor that everything is lifted by.
    assert np.abs(smoothed - expected)[100:].max() < SMALLEST_REDUCTION_DB + 0.02


def test_below_the_threshold_samples_are_bit_identical() -> None:
    audio = tone(200, 60_000, RATE, 0.0999)
    assert np.array_equal(Dynamics()(audio, RATE), audio)


def test_after_a_loud_passage_samples_are_bit_identical_again() -> None:
    audio = level_steps([0, -40], seconds=1.2)
    result = Dynamics()(audio, RATE)
    assert not np.array_equal(result[:, :RATE], audio[:, :RATE])
    assert np.array_equal(result[:, -5000:], audio[:, -5000:])


def test_all_channels_get_one_gain() -> None:
    loud = noise(50_000, 1, level=0.5)
    audio = np.concatenate([loud, loud * np.float32(0.01), -loud])
    result = Dynamics()(audio, RATE)
    assert np.abs(result[2] + result[0]).max() == 0
    assert result[1] == pytest.approx(result[0] * 0.01, rel=1e-4, abs=1e-9)


def test_strength_and_makeup_scale_in_db() -> None:
    audio = level_steps([-60, -4, -30])
    full = gain_db(Dynamics(), audio)
    assert gain_db(Dynamics(strength=0.5), audio) == pytest.approx(full / 2, abs=1e-3)
    assert gain_db(Dynamics(makeup_db=6.0), audio) == pytest.approx(full + 6, abs=1e-3)
    assert np.array_equal(Dynamics(strength=0.0, makeup_db=6.0)(audio, RATE), audio)


def test_a_ratio_of_one_changes_nothing() -> None:
    audio = noise(30_000, level=0.5)
    assert np.array_equal(Dynamics(ratio=1.0)(audio, RATE), audio)


@given(
    sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=5),
    frames=st.integers(0, 50_000),
    channels=st.integers(1, 3),
)
@example(sizes=[1], frames=0, channels=2)
@settings(max_examples=15, deadline=None)
def test_the_output_does_not_depend_on_the_blocks(sizes: list[int], frames: int, channels: int) -> None:
    audio, plugin = noise(frames, channels, frames, 0.3), Dynamics()
    whole = plugin(audio, RATE)
    pieces = [plugin.process(piece, RATE, reset=False) for piece in cut(audio, sizes)]
    assert np.array_equal(np.concatenate([whole[:, :0], *pieces, plugin.flush()], axis=1), whole)


@pytest.mark.parametrize("rate", [8_000, 48_000, 192_000])
@pytest.mark.parametrize("attack_ms", [0.0, 10.0])
def test_odd_audio_stays_finite(rate: int, attack_ms: float) -> None:
    for audio in (np.zeros((2, 5000)), np.full((2, 1), 10.0), np.full((1, 5000), -1.0), noise(5000, level=10.0)):
        result = Dynamics(attack_ms=attack_ms)(audio.astype(np.float32), rate)
        assert result.shape == audio.shape
        assert np.isfinite(result).all()


def test_the_note_says_how_far_it_went() -> None:
    plugin = Dynamics()
    plugin(level_steps([-8]), RATE)
    assert plugin.notes() == ["turned down by up to 9.0 dB above -20 dB"]
    plugin(level_steps([-40]), RATE)
    assert plugin.notes() == []
