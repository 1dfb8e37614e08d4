"""Synthesiser, voice and drums: the right pitch at the right time, and no steps in the sound."""

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.training.music.drums import STROKES, Drummer
from rebounce.training.music.envelope import note_shape, seconds_axis
from rebounce.training.music.score import Hit, Note
from rebounce.training.music.style import Kit, Patch, Singer
from rebounce.training.music.synthesiser import pan_gains, pitch_hz, play
from rebounce.training.music.voice import double, sing

RATE = 44_100
PLAIN = Patch(spectrum="saw", cutoff_hz=2_000.0)


def a_note(pitch: int = 69, start_s: float = 0.1, length_s: float = 0.8) -> Note:
    return Note(start_s=start_s, length_s=length_s, pitch=pitch, velocity=0.8)


def played(patch: Patch, notes: list[Note], seconds: float = 1.5, octaves: float = 0.0) -> Audio:
    brightness = np.full(round(seconds * RATE), octaves)
    return play(patch, notes, brightness, RATE, np.random.default_rng(0))


def correlation(sound: Audio) -> float:
    left, right = sound.astype(np.float64)
    return float(np.sum(left * right) / np.sqrt(np.sum(left**2) * np.sum(right**2)))


def strongest_hz(sound: Audio, low_hz: float, high_hz: float) -> float:
    level = np.abs(np.fft.rfft(sound.astype(np.float64) * np.hanning(len(sound)), 8 * len(sound)))
    frequency_hz = np.fft.rfftfreq(8 * len(sound), 1 / RATE)
    inside = (frequency_hz > low_hz) & (frequency_hz < high_hz)
    return float(frequency_hz[inside][np.argmax(level[inside])])


@pytest.mark.parametrize("pitch", [33, 57, 69, 88])
def test_a_note_sounds_at_its_pitch(pitch: int) -> None:
    sound = played(PLAIN, [a_note(pitch)])
    expected_hz = 440 * 2 ** ((pitch - 69) / 12)
    assert pitch_hz(pitch) == pytest.approx(expected_hz)
    cents = 1200 * np.log2(strongest_hz(sound[0], 0.9 * expected_hz, 1.1 * expected_hz) / expected_hz)
    assert abs(cents) < 8


def test_a_note_begins_and_ends_where_it_is_written_and_nothing_steps() -> None:
    sound = played(PLAIN, [a_note()])
    assert not np.any(sound[:, : round(0.1 * RATE)])
    assert not np.any(sound[:, round((0.1 + 0.8 + 2 * PLAIN.release_s) * RATE) + 1 :])
    heard = np.flatnonzero(np.abs(sound[0]) > 0.01)
    assert heard[0] < 0.11 * RATE
    assert abs(sound[0, round(0.1 * RATE) + 1]) < 0.01


def test_brightness_opens_the_filter() -> None:
    def share_above_3_khz(octaves: float) -> float:
        power = np.abs(np.fft.rfft(played(PLAIN, [a_note()], octaves=octaves)[0].astype(np.float64))) ** 2
        return float(power[round(3_000 * 1.5) :].sum() / power.sum())

    assert share_above_3_khz(1.5) > 3 * share_above_3_khz(0.0) > 9 * share_above_3_khz(-1.5)


def test_panning_keeps_the_power() -> None:
    for pan in (-1.0, -0.3, 0.0, 0.7, 1.0):
        assert np.sum(pan_gains(pan) ** 2) == pytest.approx(1.0)
    assert pan_gains(-1.0)[1, 0] == pytest.approx(0.0, abs=1e-6)
    wide = played(Patch(spectrum="saw", cutoff_hz=2_000.0, voices=((-5.0, -1.0), (5.0, 1.0))), [a_note()])
    assert correlation(wide) < 0.9


def test_the_envelope_rises_holds_and_falls() -> None:
    time_s = seconds_axis(RATE, RATE)
    shape = note_shape(time_s, 0.6, (0.02, 0.05, 0.5, 0.15))
    assert shape[0] == 0.0
    assert shape[-1] == 0.0
    assert shape.max() == pytest.approx(1.0, abs=0.02)
    assert shape[round(0.5 * RATE)] == pytest.approx(0.5, abs=0.01)
    assert shape[round(0.75 * RATE)] == pytest.approx(0.5 * np.exp(-3), abs=0.01)
    assert np.abs(np.diff(shape)).max() < 0.01


@pytest.mark.parametrize("pitch", [52, 60, 67])
def test_the_voice_sings_its_pitch(pitch: int) -> None:
    steady = Singer(vibrato_cents=0.0)
    sound = sing(steady, [a_note(pitch, length_s=1.2)], 2 * RATE, RATE, np.random.default_rng(1))[0]
    expected_hz = pitch_hz(pitch)
    middle = sound[round(0.5 * RATE) : round(1.2 * RATE)]
    autocorrelation = np.fft.irfft(np.abs(np.fft.rfft(middle, 2 * len(middle))) ** 2)
    lags = np.arange(round(RATE / expected_hz * 0.7), round(RATE / expected_hz * 1.4))
    best = lags[np.argmax(autocorrelation[lags])]
    assert abs(1200 * np.log2(RATE / best / expected_hz)) < 30


def test_the_voice_has_the_resonances_of_its_vowels() -> None:
    # An octave of notes samples the resonances: between 1.2 and 2 kHz lies less than below 1.2 kHz, and 5 kHz is weak.
    notes = [a_note(pitch, start_s=0.1 + 0.5 * index, length_s=0.45) for index, pitch in enumerate(range(50, 62))]
    sound = sing(Singer(breath_db=-80.0), notes, 7 * RATE, RATE, np.random.default_rng(2))[0]
    power = np.abs(np.fft.rfft(sound.astype(np.float64))) ** 2

    def level_db(low_hz: float, high_hz: float) -> float:
        return float(10 * np.log10(power[round(low_hz * 7) : round(high_hz * 7)].mean()))

    assert level_db(300, 900) > level_db(1_300, 1_600) + 6
    assert level_db(2_200, 3_200) > level_db(5_500, 7_000) + 10


def test_a_choir_is_wide_and_late() -> None:
    line = sing(Singer(), [a_note(60)], 2 * RATE, RATE, np.random.default_rng(3))
    choir = double(line, RATE)
    assert choir.shape == (2, 2 * RATE)
    assert correlation(choir) < 0.7
    assert np.flatnonzero(np.abs(choir).max(axis=0) > 0.02)[0] > np.flatnonzero(np.abs(line[0]) > 0.02)[0] + 0.01 * RATE


@pytest.mark.parametrize("drum", sorted(STROKES))
def test_every_drum_begins_softly_decays_and_ends_at_zero(drum: str) -> None:
    stroke = STROKES[drum](Kit(), RATE, np.random.default_rng(4))
    assert stroke.shape[0] == 2
    assert np.abs(stroke[:, 0]).max() == 0.0
    assert np.abs(stroke[:, -1]).max() == 0.0
    assert 0.1 < np.abs(stroke).max() < 2.5
    quarter = stroke.shape[1] // 4
    assert np.mean(stroke[:, -quarter:] ** 2) < 0.05 * np.mean(stroke[:, :quarter] ** 2)


def test_hits_sound_where_and_as_loud_as_they_are_written() -> None:
    hits = [Hit(start_s=0.5, drum="snare", velocity=1.0), Hit(start_s=1.5, drum="snare", velocity=0.4)]
    sound = Drummer(Kit(), RATE, np.random.default_rng(5)).play(hits, 2 * RATE)
    assert not np.any(sound[:, : RATE // 2])
    loud, soft = (np.abs(sound[:, round(at * RATE) : round((at + 0.4) * RATE)]).max() for at in (0.5, 1.5))
    assert 20 * np.log10(loud / soft) == pytest.approx(-26 * np.log10(0.4), abs=2.5)


def test_a_closed_hat_silences_an_open_one() -> None:
    def ringing(hits: list[Hit]) -> float:
        sound = Drummer(Kit(), RATE, np.random.default_rng(6)).play(hits, 2 * RATE)
        return float(np.sqrt(np.mean(sound[:, round(0.45 * RATE) : round(0.55 * RATE)] ** 2)))

    opened = Hit(start_s=0.1, drum="open_hat", velocity=0.9)
    closing = Hit(start_s=0.25, drum="closed_hat", velocity=0.02)
    assert ringing([opened, closing]) < 0.02 * ringing([opened])


def test_the_kick_is_low_and_the_hat_is_high() -> None:
    def centre_hz(drum: str) -> float:
        stroke = STROKES[drum](Kit(), RATE, np.random.default_rng(7))[0].astype(np.float64)
        power = np.abs(np.fft.rfft(stroke)) ** 2
        return float(np.sum(power * np.fft.rfftfreq(len(stroke), 1 / RATE)) / power.sum())

    assert centre_hz("kick") < 300
    assert 800 < centre_hz("snare") < 5_000
    assert centre_hz("closed_hat") > 5_000
