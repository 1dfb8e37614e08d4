"""The limiter's ceiling against an ideal 16x reconstruction, and what it leaves alone."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import fft
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.lookahead_limiter import (
    AVERAGING_SECONDS,
    BETWEEN_PEAKS_SECONDS,
    LASTING_SECONDS,
    LEAST_AVERAGE_DB,
    LOOKAHEAD_SECONDS,
    METER_MARGIN_DB,
    LookaheadLimiter,
    limiter_timing,
)
from rebounce.engine.stream import Stream
from rebounce.engine.true_peak import TruePeakMeter
from rebounce.training.music import make_mix

CEILING_DBTP = -1.0
FADE = np.minimum(1, np.minimum(np.arange(60_000), np.arange(60_000)[::-1]) / 2000).astype(np.float32)


def limited(audio: Audio, gain_db: float = 0.0, rate: float = 44_100.0, sizes: list[int] | None = None) -> Audio:
    limiter = LookaheadLimiter(rate, gain_db=gain_db, ceiling_dbtp=CEILING_DBTP)
    stream = Stream(limiter, limiter_timing(rate), audio.shape[0], "limiter")
    pieces = [stream.push(piece) for piece in (cut(audio, sizes) if sizes else [audio])]
    return np.concatenate([*pieces, stream.finish()], axis=1)


def true_peak_db(audio: Audio) -> float:
    meter = TruePeakMeter(audio.shape[0])
    meter.add(audio)
    read = meter.dbtp()
    assert read is not None
    return read


def ideal_peak_db(audio: Audio) -> float:
    """The highest point of the band-limited curve, by zero-padding the spectrum of the whole piece to 16x."""
    padded = np.pad(audio.astype(np.float64), ((0, 0), (2000, 2000)))
    frames = padded.shape[1]
    curve = fft.irfft(fft.rfft(padded, axis=1), n=16 * frames, axis=1) * 16
    return float(20 * np.log10(np.abs(curve).max()))


def without_top(audio: Audio) -> Audio:
    """Nothing above 0.45 of the sample rate, as after any converter: near half the rate a true peak is a matter of
    definition, and every meter's filter has its own."""
    spectrum = fft.rfft(audio.astype(np.float64), axis=1)
    share = np.arange(spectrum.shape[1]) / (spectrum.shape[1] - 1)
    spectrum *= np.clip((0.91 - share) / 0.03, 0, 1)
    kept: Audio = fft.irfft(spectrum, n=audio.shape[1], axis=1).astype(np.float32)
    return kept


@cache
def programme(seed: int) -> Audio:
    return without_top(make_mix(seed, 5.0, 44_100).audio[:, 30_000:120_000])


def over_by(audio: Audio, over_db: float) -> float:
    """The gain that lifts the true peak this far over the ceiling."""
    return CEILING_DBTP + over_db - true_peak_db(audio)


@pytest.mark.parametrize("over_db", [3.0, 9.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_ceiling_holds_on_programme(seed: int, over_db: float) -> None:
    result = limited(programme(seed), over_by(programme(seed), over_db))
    assert CEILING_DBTP - 0.1 <= true_peak_db(result) <= CEILING_DBTP
    assert ideal_peak_db(result) <= CEILING_DBTP + 0.1


@pytest.mark.parametrize(
    "audio",
    [
        without_top(noise(60_000, level=0.3)),
        without_top(np.clip(noise(60_000, level=0.7), -1, 1)),
        without_top(np.sign(tone(333.3, 60_000)) * np.float32(0.9)),
        tone(19_500, 60_000, level=1.0) * FADE,
        tone(40, 60_000, level=1.0) * FADE,
    ],
    ids=["noise", "clipped noise", "square", "19.5 kHz", "40 Hz"],
)
@pytest.mark.parametrize("over_db", [3.0, 20.0])
def test_the_ceiling_holds_on_hard_cases(audio: Audio, over_db: float) -> None:
    result = limited(audio, over_by(audio, over_db))
    assert true_peak_db(result) <= CEILING_DBTP
    assert ideal_peak_db(result) <= CEILING_DBTP + 0.1


@pytest.mark.parametrize("place", [0, 1, 7, 8, 100, 8191, 8192, 8193, 16_383, 19_999])
@pytest.mark.parametrize("frames", [20_000])
def test_a_peak_is_caught_wherever_it_stands(place: int, frames: int) -> None:
    audio = np.zeros((1, frames), np.float32)
    audio[0, place] = 2.0
    result = limited(audio)
    assert true_peak_db(result) == pytest.approx(CEILING_DBTP - METER_MARGIN_DB, abs=0.01)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 96_000, 192_000])
def test_the_ceiling_holds_at_any_rate(rate: int) -> None:
    audio = without_top(noise(rate // 2, seed=rate, level=0.3))
    result = limited(audio, over_by(audio, 6.0), rate)
    assert result.shape == audio.shape
    assert true_peak_db(result) <= CEILING_DBTP
    assert ideal_peak_db(result) <= CEILING_DBTP + 0.1


def test_pedalboards_limiter_is_no_ceiling_where_ours_is() -> None:
    import pedalboard

    loud = programme(1) * np.float32(10 ** (over_by(programme(1), 6.0) / 20))
    native = pedalboard.Limiter(threshold_db=CEILING_DBTP, release_ms=100)(loud, 44_100)
    assert true_peak_db(native) > CEILING_DBTP + 0.1
    assert true_peak_db(limited(loud)) <= CEILING_DBTP


def test_what_needs_no_gain_is_bit_identical() -> None:
    audio = programme(2)
    assert np.array_equal(limited(audio, over_by(audio, -0.1)), audio * np.float32(10 ** (over_by(audio, -0.1) / 20)))
    quiet = noise(50_000, level=0.01)
    assert np.array_equal(limited(quiet), quiet)


def test_only_the_surroundings_of_a_peak_change() -> None:
    audio = noise(100_000, level=0.01)
    audio[:, 40_000] = 1.5
    changed = np.flatnonzero((limited(audio) != audio).any(axis=0))
    before, after = 40_000 - changed[0], changed[-1] - 40_000
    assert before <= (LOOKAHEAD_SECONDS + 0.001) * 44_100
    assert after <= (LOOKAHEAD_SECONDS + 0.001) * 44_100


def test_a_short_peak_is_let_go_as_fast_as_it_was_caught() -> None:
    gain_db = gain_db_over_a_low_level(peak_frames=1)
    caught = np.flatnonzero(gain_db < 0.1 * gain_db.min())
    assert gain_db.min() == pytest.approx(CEILING_DBTP - METER_MARGIN_DB - 20 * np.log10(2.0), abs=0.01)
    assert 20_000 - caught[0] == pytest.approx(caught[-1] - 20_000, abs=16)
    assert caught[-1] - 20_000 <= (LOOKAHEAD_SECONDS + 0.001) * 44_100
    # What stays is the peak's share of the average, less what is let go of it.
    left_db = min(gain_db.min() * BETWEEN_PEAKS_SECONDS / AVERAGING_SECONDS + LEAST_AVERAGE_DB, 0)
    assert gain_db[20_000 + 2000 : 20_000 + 40_000] == pytest.approx(left_db, abs=0.01)


def test_what_lasts_is_held_a_while_and_let_go_in_a_straight_line() -> None:
    peak_frames = 80_000
    gain_db = gain_db_over_a_low_level(peak_frames)
    end = 20_000 + peak_frames
    lasting_db = gain_db[end - 1000]
    # The step itself overshoots between samples; what is held is what was needed all the time.
    held = slice(end + 100, end + round((BETWEEN_PEAKS_SECONDS - 0.001) * 44_100))
    assert gain_db[held] == pytest.approx(lasting_db, rel=0.01)
    slope = np.diff(gain_db[end + 2000 : end + 62_000].reshape(-1, 1000).mean(axis=1)) / 1000 * 44_100
    assert slope == pytest.approx(np.full(slope.size, -lasting_db / AVERAGING_SECONDS), rel=0.01)
    assert not gain_db[end + round(1.05 * AVERAGING_SECONDS * 44_100) :].any()


def gain_db_over_a_low_level(peak_frames: int) -> NDArray[np.float64]:
    """The gain that a peak of 2 at frame 20 000 makes, `(frames,)`."""
    audio = np.full((1, 180_000), 0.1, np.float32)
    audio[0, 20_000 : 20_000 + peak_frames] = 2.0
    gain_db: NDArray[np.float64] = 20 * np.log10((limited(audio) / audio)[0].astype(np.float64))
    return gain_db


@pytest.mark.parametrize("over_db", [3.0, 6.0])
@pytest.mark.parametrize("frequency_hz", [40, 60, 100])
def test_a_bass_note_stays_a_sine_after_its_first_waves(frequency_hz: int, over_db: float) -> None:
    note = tone(frequency_hz, 88_200, level=1.0)
    start = 9 * 2205  # where all of these are 0
    note[:, :start] = 0.0
    result = limited(note, over_by(note, over_db))
    settled = start + round((LASTING_SECONDS + 2 / frequency_hz) * 44_100)
    share = note[:, settled:-2000].astype(np.float64)
    gain = np.vdot(share, result[:, settled:-2000]) / np.vdot(share, share)
    assert result[:, settled:-2000] == pytest.approx(gain * share, abs=2e-4)


@pytest.mark.parametrize("frequency_hz", [40, 60])
def test_bass_under_other_music_is_bent_little(frequency_hz: int) -> None:
    frames = 4 * 44_100
    other = make_mix(3, 6.0, 44_100).audio[:, :frames]
    audio = tone(frequency_hz, frames, level=1.0) + other * np.float32(0.175 / np.sqrt(np.square(other).mean()))
    loud = audio * np.float32(10 ** (over_by(audio, 6.0) / 20))
    result = limited(loud)
    gain = np.vdot(loud, result) / np.vdot(loud, loud)
    assert (
        np.linalg.norm(harmonics(result - gain * loud, frequency_hz)[1:]) < 0.012 * harmonics(result, frequency_hz)[0]
    )


def harmonics(audio: Audio, frequency_hz: int) -> NDArray[np.float64]:
    """The magnitudes of the first twenty in the first channel, by a window over all but the first second."""
    heard = audio[0, 44_100:].astype(np.float64)
    lines = np.abs(fft.rfft(heard * np.blackman(heard.size)))
    magnitudes: NDArray[np.float64] = lines[np.arange(1, 21) * frequency_hz * heard.size // 44_100]
    return magnitudes


def test_the_gain_moves_smoothly() -> None:
    audio = np.full((1, 60_000), 0.1, np.float32)
    audio[0, 20_000:20_010] = 1.8
    gain_db = 20 * np.log10(limited(audio) / audio)[0].astype(np.float64)
    drop = -gain_db.min()
    fastest = 2 * drop / (LOOKAHEAD_SECONDS * 44_100)
    assert np.abs(np.diff(gain_db)).max() < 1.3 * fastest
    # The curve is drawn through few points, and turns by less at each of them than it falls between them.
    assert np.abs(np.diff(gain_db, 2)).max() < 0.7 * fastest


def test_all_channels_get_one_gain() -> None:
    audio = np.stack([programme(3)[0], np.full(programme(3).shape[1], 0.01, np.float32)])
    gain_db = over_by(audio, 3.0)
    result = limited(audio, gain_db) / (audio * np.float32(10 ** (gain_db / 20)))
    heard = np.abs(audio[0]) > 1e-3
    assert result[0, heard] == pytest.approx(result[1, heard], rel=1e-5)
    assert result[1].min() < 0.75


@given(
    sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=5),
    frames=st.integers(1, 40_000),
    rate=st.sampled_from([8_000, 44_100, 96_000]),
)
@settings(max_examples=20, deadline=None)
def test_the_output_does_not_depend_on_the_blocks(sizes: list[int], frames: int, rate: int) -> None:
    audio = noise(frames, seed=frames, level=0.4)
    assert np.array_equal(limited(audio, 3.0, rate, sizes), limited(audio, 3.0, rate))


def test_it_knows_how_much_it_took() -> None:
    audio = tone(1000, 50_000, level=1.0)
    limiter = LookaheadLimiter(44_100, gain_db=2.0, ceiling_dbtp=CEILING_DBTP)
    stream = Stream(limiter, limiter_timing(44_100), 2, "limiter")
    stream.push(audio)
    stream.finish()
    assert limiter.largest_reduction_db == pytest.approx(
        true_peak_db(audio) + 2 - CEILING_DBTP + METER_MARGIN_DB, abs=0.1
    )
