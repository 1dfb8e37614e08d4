"""The long-term spectrum of a file is what was put into it."""

import numpy as np
import pytest
from signals import cut, noise, tone

from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.repair.tone_spectrum import (
    CELLS_PER_THIRD,
    THIRDS,
    Floats,
    cell_edges_hz,
    holds_something,
    third_centres_hz,
    tone_of,
)

RATE = 44_100


def thirds(powers: Floats) -> Floats:
    return np.asarray(powers.reshape(len(powers), THIRDS, CELLS_PER_THIRD).sum(axis=2))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_white_noise_has_the_same_density_everywhere(rate_hz: int) -> None:
    spectrum = tone_of([noise(20 * rate_hz, 1, level=0.1)], rate_hz)
    assert spectrum is not None
    has_room = cell_edges_hz()[CELLS_PER_THIRD::CELLS_PER_THIRD] < rate_hz / 2
    widths = np.diff(cell_edges_hz()[::CELLS_PER_THIRD])
    densities = thirds(spectrum.powers)[0] / widths
    np.testing.assert_allclose(densities[6:][has_room[6:]], 0.01 / (rate_hz / 2), rtol=0.25)
    assert not spectrum.powers[0, cell_edges_hz()[1:] > rate_hz / 2].any()


def test_a_sine_is_in_its_third_with_all_its_power_wherever_it_sounds() -> None:
    for frequency_hz in (31.5, 1_000.0, 12_500.0):
        for start in (0, RATE // 3):
            audio = np.zeros((1, 2 * RATE), dtype=np.float32)
            audio[:, start : start + RATE] = tone(frequency_hz, RATE, level=0.5)[:1]
            spectrum = tone_of([audio], RATE)
            assert spectrum is not None
            place = int(np.argmin(np.abs(third_centres_hz() - frequency_hz)))
            found = thirds(spectrum.powers)[0]
            assert np.argmax(found) == place
            # It sounds half of the time.
            assert found.sum() == pytest.approx(0.5**2 / 4, rel=0.01)


def test_what_is_alike_in_both_channels_is_mid_and_what_is_opposed_is_side() -> None:
    left = noise(2 * RATE, 1)
    alike, opposed = (tone_of([np.concatenate([left, sign * left])], RATE) for sign in (1, -1))
    assert alike is not None
    assert opposed is not None
    np.testing.assert_allclose(alike.powers[0], opposed.powers[1])
    assert not alike.powers[1].any()
    assert not opposed.powers[0].any()
    np.testing.assert_allclose(alike.summed()[0], alike.powers[0])


def test_any_cut_gives_the_same_numbers() -> None:
    audio = noise(3 * RATE + 17, 2)
    whole, pieces = tone_of([audio], RATE), tone_of(cut(audio, [1, 7_000, 100_000]), RATE)
    assert whole is not None
    assert pieces is not None
    np.testing.assert_array_equal(whole.powers, pieces.powers)
    np.testing.assert_array_equal(whole.moments, pieces.moments)
    assert whole.seconds == pieces.seconds == audio.shape[1] / RATE


def test_louder_in_a_third_is_as_much_louder_as_the_meter_says() -> None:
    audio = tone(200, 4 * RATE, level=0.1) + tone(3_000, 4 * RATE, level=0.1)
    raised = tone(200, 4 * RATE, level=0.1) + tone(3_000, 4 * RATE, level=0.3)
    audio[:, 2 * RATE :] *= 0.01
    raised[:, 2 * RATE :] *= 0.01
    spectrum = tone_of([audio], RATE)
    assert spectrum is not None
    gains = np.ones_like(spectrum.powers)
    gains[:, cell_edges_hz()[:-1] > 1_000] = 9
    meter = LoudnessMeter(RATE, 2)
    meter.add(raised)
    lufs = meter.integrated_lufs()
    assert lufs is not None
    assert spectrum.lufs is not None
    assert spectrum.loudness_change_db(gains) == pytest.approx(lufs - spectrum.lufs, abs=0.05)


def test_dither_beyond_a_cut_off_is_not_taken_for_music() -> None:
    audio = np.cumsum(noise(4 * RATE, 1), axis=1) * np.float32(0.01)
    spectrum = np.fft.rfft(audio)
    spectrum[:, 16_000 * 4 :] = 0
    fade = np.sin(np.linspace(0, np.pi, audio.shape[1], dtype=np.float32))
    dull = np.fft.irfft(spectrum, audio.shape[1]).astype(np.float32) * fade + noise(4 * RATE, 1, level=1e-6)
    found = tone_of([dull], RATE)
    assert found is not None
    middles = cell_edges_hz()[:-1]
    is_held = holds_something(found.powers)[0]
    assert is_held[(middles > 30) & (middles < 15_000)].all()
    assert not is_held[middles > 16_500].any()


def test_no_blocks_have_no_spectrum() -> None:
    assert tone_of([], RATE) is None
