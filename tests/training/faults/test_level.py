import numpy as np
import pytest
from signals import noise, tone

from rebounce.training.faults.level import brought_to, is_sounding, rms, sounding_rms


@pytest.mark.parametrize("level", [1e-6, 0.1, 30.0])
def test_a_sine_has_its_amplitude_over_the_root_of_two(level: float) -> None:
    assert rms(tone(441, 44_100, 44_100, level)) == pytest.approx(level / np.sqrt(2), rel=1e-5)


def test_a_silent_channel_counts() -> None:
    audio = np.stack([np.full(1_000, 0.5), np.zeros(1_000)]).astype(np.float32)
    assert rms(audio) == pytest.approx(0.5 / np.sqrt(2))


def test_ten_minutes_are_summed_as_exactly_as_one() -> None:
    assert rms(np.full((1, 26_460_000), 0.1, dtype=np.float32)) == pytest.approx(0.1, rel=1e-6)


def test_levels_at_both_ends_of_float32_are_told() -> None:
    for level in (1e-30, 3e38):
        assert rms(np.full((2, 1_000), level, dtype=np.float32)) == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("pause", [0.0, 1e-4])
def test_pauses_do_not_lower_the_level_of_what_sounds(rate_hz: int, pause: float) -> None:
    music = noise(rate_hz)
    still = np.full((2, 3 * rate_hz), pause, dtype=np.float32)
    audio = np.concatenate([still, music, still], axis=1)
    assert sounding_rms(music, rate_hz) == rms(music)
    assert sounding_rms(audio, rate_hz) == pytest.approx(rms(music), rel=1e-6)


def test_what_is_soft_but_heard_is_no_pause() -> None:
    loud, soft = tone(440, 44_100, level=0.5), tone(440, 44_100, level=0.5 * 10 ** (-55 / 20))
    audio = np.concatenate([loud, soft], axis=1)
    assert is_sounding(audio, 44_100).all()
    assert sounding_rms(audio, 44_100) == rms(audio)


def test_zero_crossings_and_gaps_shorter_than_a_block_are_no_pauses() -> None:
    audio = tone(100, 44_100)
    audio[:, 10_000:11_000] = 0
    assert is_sounding(audio, 44_100).all()


def test_a_pause_of_one_channel_is_its_own_and_counts_while_the_other_plays() -> None:
    audio = noise(44_100)
    audio[1, :22_050] = 0
    sounding = is_sounding(audio, 44_100)
    assert sounding[0].all()
    assert not sounding[1, :22_050].any()
    assert sounding[1, 22_050:].all()
    assert sounding_rms(audio, 44_100) == rms(audio)


@pytest.mark.parametrize("frames", [1, 2, 2_205, 5_000])
def test_all_of_a_silence_is_pause(frames: int) -> None:
    silence = np.zeros((2, frames), dtype=np.float32)
    assert not is_sounding(silence, 44_100).any()
    assert sounding_rms(silence, 44_100) == 0


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
