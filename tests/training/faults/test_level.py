import numpy as np
import pytest
from signals import noise, tone

from rebounce.training.faults.level import brought_to, rms


@pytest.mark.parametrize("level", [1e-6, 0.1, 30.0])
def test_a_sine_has_its_amplitude_over_the_root_of_two(level: float) -> None:
    assert rms(tone(441, 44_100, 44_100, level)) == pytest.approx(level / np.sqrt(2), rel=1e-5)


def test_a_silent_channel_counts() -> None:
    audio = np.stack([np.full(1_000, 0.5), np.zeros(1_000)]).astype(np.float32)
    assert rms(audio) == pytest.approx(0.5 / np.sqrt(2))


def test_ten_minutes_are_summed_as_exactly_as_one() -> None:
    assert rms(np.full((1, 26_460_000), 0.1, dtype=np.float32)) == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("level", [0.0, 1e-3, 4.0])
def test_brought_to_a_level_it_has_it_and_keeps_its_shape(level: float) -> None:
    audio = noise(5_000)
    made = brought_to(audio, level)
    assert rms(made) == pytest.approx(level, rel=1e-5)
    np.testing.assert_allclose(made, audio * (level / rms(audio)), rtol=1e-5)


def test_silence_is_brought_nowhere() -> None:
    silence = np.zeros((2, 100), dtype=np.float32)
    assert np.array_equal(brought_to(silence, 0.5), silence)
    assert rms(silence) == 0
