"""The curve found between two spectra is the one that lies between them."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.repair.linear_phase import LinearPhase, filter_timing, response_of
from rebounce.engine.repair.matching_curve import matching_curves
from rebounce.engine.repair.tone_spectrum import (
    CELLS_PER_THIRD,
    THIRDS,
    Floats,
    ToneSpectrum,
    third_centres_hz,
    tone_of,
)
from rebounce.engine.stream import Stream
from rebounce.training.music import make_mix

RATE = 44_100
LIMIT_DB = 20.0


def spectrum_of(audio: Audio, rate_hz: float = RATE) -> ToneSpectrum:
    spectrum = tone_of([audio], rate_hz)
    assert spectrum is not None
    return spectrum


def filtered(audio: Audio, curves_db: Floats) -> Audio:
    kernel = LinearPhase(np.stack([response_of(curve, RATE) for curve in curves_db]), RATE)
    run = Stream(kernel, filter_timing(RATE), len(audio), "test")
    return np.concatenate([run.push(audio), run.finish()], axis=1)


def thirds_db(audio: Audio) -> Floats:
    return np.asarray(10 * np.log10(spectrum_of(audio).powers.reshape(-1, THIRDS, CELLS_PER_THIRD).sum(axis=2) + 1e-30))


@pytest.fixture(scope="module")
def music() -> Audio:
    return make_mix(3, 12.0, RATE).audio


def test_a_known_curve_is_found_again(music: Audio) -> None:
    octaves = np.log2(third_centres_hz() / 1_000)
    curve_db = 6 * np.exp(-((octaves - 1) ** 2)) - 5 * np.exp(-((octaves + 2.5) ** 2))
    found = matching_curves(spectrum_of(music), spectrum_of(filtered(music, curve_db[np.newaxis])), RATE, LIMIT_DB)
    off_db = found - curve_db
    # Where the music is: the curve goes on as it likes where there is next to nothing.
    inner = slice(6, 28)
    assert np.abs(off_db[0, inner] - np.median(off_db[0, inner])).max() < 0.5


def test_the_thirds_of_other_music_come_out_as_those_of_the_reference(music: Audio) -> None:
    other = make_mix(4, 12.0, RATE).audio
    curves_db = matching_curves(spectrum_of(music), spectrum_of(other), RATE, LIMIT_DB)
    assert np.abs(curves_db).max() < LIMIT_DB
    off_db = thirds_db(filtered(music, curves_db)) - thirds_db(other)
    is_heard = thirds_db(other) > thirds_db(other).max() - 60
    off_db -= np.median(off_db[is_heard])
    assert np.sqrt(np.mean(off_db[is_heard] ** 2)) < 0.15


def test_equal_spectra_need_no_curve(music: Audio) -> None:
    assert not matching_curves(spectrum_of(music), spectrum_of(music.copy()), RATE, LIMIT_DB).any()


def test_a_level_is_no_tone(music: Audio) -> None:
    curves_db = matching_curves(spectrum_of(music), spectrum_of(music * np.float32(0.1)), RATE, LIMIT_DB)
    np.testing.assert_allclose(curves_db, 0, atol=0.01)


def test_no_third_goes_beyond_the_limit_of_the_middle() -> None:
    own, wanted = noise(4 * RATE), np.cumsum(noise(4 * RATE), axis=1) * np.float32(0.01)
    curves_db = matching_curves(spectrum_of(own), spectrum_of(wanted), RATE, 6.0)
    assert curves_db.max() - curves_db.min() == pytest.approx(12, abs=0.01)


def test_beyond_a_cut_off_the_curve_goes_on_as_below_it() -> None:
    # Ends that are cut off would put something everywhere.
    own = noise(4 * RATE) * np.sin(np.linspace(0, np.pi, 4 * RATE, dtype=np.float32))
    spectrum = np.fft.rfft(own)
    spectrum[:, 10_000 * 4 :] = 0
    curves_db = matching_curves(
        spectrum_of(np.fft.irfft(spectrum, own.shape[1]).astype(np.float32)), spectrum_of(own), RATE, LIMIT_DB
    )
    assert np.ptp(curves_db[:, third_centres_hz() > 9_000]) < 0.2


def test_a_mono_reference_gives_one_curve_and_an_empty_side_goes_with_the_mid(music: Audio) -> None:
    mono = np.concatenate([music[:1], music[:1]])
    assert matching_curves(spectrum_of(music), spectrum_of(noise(4 * RATE, 1)), RATE, LIMIT_DB).shape == (1, THIRDS)
    mid, side = matching_curves(spectrum_of(mono), spectrum_of(noise(4 * RATE)), RATE, LIMIT_DB)
    np.testing.assert_array_equal(mid, side)
    mid, side = matching_curves(
        spectrum_of(mono * np.array([[1], [-1]], dtype=np.float32)), spectrum_of(noise(4 * RATE)), RATE, LIMIT_DB
    )
    np.testing.assert_array_equal(mid, side)


def test_a_sine_and_silence_are_matched_to_without_trouble() -> None:
    own = spectrum_of(noise(2 * RATE))
    assert np.isfinite(matching_curves(own, spectrum_of(tone(500, 2 * RATE)), RATE, LIMIT_DB)).all()
    silence = spectrum_of(np.zeros((2, RATE), dtype=np.float32))
    assert not matching_curves(own, silence, RATE, LIMIT_DB).any()
    assert not matching_curves(silence, own, RATE, LIMIT_DB).any()


def test_a_reference_of_another_rate_is_compared_in_hertz() -> None:
    low = np.cumsum(noise(10 * 22_050, 1), axis=1) * np.float32(0.01)
    own = noise(10 * RATE, 1)
    curve_db = matching_curves(spectrum_of(own), spectrum_of(low, 22_050), RATE, 40.0)[0]
    place = int(np.argmin(np.abs(third_centres_hz() - 250)))
    # Brown noise falls by 6 dB an octave.
    assert curve_db[place] - curve_db[place + 9] == pytest.approx(18, abs=1)
