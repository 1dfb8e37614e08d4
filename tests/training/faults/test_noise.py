"""Level, colour and lines of the noise, read from its own spectrum."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters, apply_fault, draw_fault
from rebounce.training.faults.noise import KINDS, Noise

RATE = 48_000


def settings(kind: str, **changed: Any) -> Parameters:
    if kind == "hum":
        partials = [
            {"multiple": 1, "level_db": 0.0, "phase_turns": 0.1},
            {"multiple": 2, "level_db": -12.0, "phase_turns": 0.7},
            {"multiple": 3, "level_db": -6.0, "phase_turns": 0.4},
        ]
        return {"kind": kind, "snr_db": 20.0, "mains_hz": 50, "partials": partials} | changed
    return {"kind": kind, "snr_db": 20.0, "seed": 5} | changed


def added(audio: Audio, parameters: Parameters, rate: int = RATE) -> NDArray[np.float64]:
    damaged = apply_fault(Noise(), audio, rate, parameters)
    return damaged.astype(np.float64) - audio


def power_db(wave: NDArray[np.float64], low_hz: float, high_hz: float, rate: int = RATE) -> float:
    """The mean power per Hz between two frequencies."""
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    step_hz = rate / wave.size
    return float(10 * np.log10(spectrum[round(low_hz / step_hz) : round(high_hz / step_hz)].mean()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("snr_db", [-3.0, 20.0, 45.0])
def test_it_lies_as_far_below_the_audio_as_asked(kind: str, rate: int, snr_db: float) -> None:
    audio = tone(440, 30_000, rate) * np.array([[1], [0.2]], dtype=np.float32)
    found = added(audio, settings(kind, snr_db=snr_db), rate)
    assert 10 * np.log10(np.mean(audio.astype(np.float64) ** 2) / np.mean(found**2)) == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_pauses_do_not_make_it_fainter(kind: str) -> None:
    music = tone(440, RATE, RATE)
    audio = np.concatenate([np.zeros((2, 3 * RATE), dtype=np.float32), music], axis=1)
    found, alone = (np.std(added(given, settings(kind))) for given in (audio, music))
    assert found == pytest.approx(alone, rel=0.01)


def octaves_db(kind: str, rate: int = RATE) -> NDArray[np.float64]:
    """The power per Hz in the octaves from 63 Hz to a quarter of the rate."""
    wave = added(tone(440, 20 * rate, rate), settings(kind, snr_db=0.0), rate)[0]
    lows_hz = 62.5 * 2.0 ** np.arange(int(np.log2(rate / 4 / 62.5)))
    return np.array([power_db(wave, low_hz, 2 * low_hz, rate) for low_hz in lows_hz])


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_pink_noise_loses_three_db_an_octave(rate: int) -> None:
    levels_db = octaves_db("pink", rate)
    assert np.polyfit(np.arange(levels_db.size), levels_db, 1)[0] == pytest.approx(-10 * np.log10(2), abs=0.2)
    assert np.diff(levels_db) == pytest.approx(np.full(levels_db.size - 1, -10 * np.log10(2)), abs=0.8)


def test_white_noise_is_flat() -> None:
    levels_db = octaves_db("white")
    assert levels_db == pytest.approx(np.full(levels_db.size, levels_db.mean()), abs=0.5)


def test_hiss_has_its_power_at_the_top() -> None:
    levels_db = octaves_db("hiss")
    assert levels_db[-1] - levels_db[:4].max() > 8
    assert levels_db[-1] - levels_db[-2] < 3


@pytest.mark.parametrize("mains_hz", [50, 60])
@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_hum_is_the_lines_that_its_parameters_name(mains_hz: int, rate: int) -> None:
    audio = noise(rate, 2)
    lines = np.abs(np.fft.rfft(added(audio, settings("hum", mains_hz=mains_hz), rate)[0]))
    at_hz = mains_hz * np.arange(1, 4)
    assert 20 * np.log10(lines[at_hz] / lines[mains_hz]) == pytest.approx([0, -12, -6], abs=0.01)
    assert np.delete(lines, at_hz).max() < 1e-3 * lines[mains_hz]


def test_hum_is_the_same_in_all_channels_and_nothing_else_is() -> None:
    audio = noise(40_000, 3)
    for kind in KINDS:
        alike = np.asarray(np.corrcoef(added(audio, settings(kind))))[0, 1:]
        assert alike == pytest.approx(np.ones(2) if kind == "hum" else np.zeros(2), abs=0.1), kind


def test_partials_above_half_the_rate_are_left_out() -> None:
    audio = noise(8_000, 1)
    beyond = [{"multiple": 81, "level_db": 0.0, "phase_turns": 0.2}]
    with_it = settings("hum", partials=settings("hum")["partials"] + beyond)
    assert np.array_equal(added(audio, with_it, 8_000), added(audio, settings("hum"), 8_000))
    assert not added(audio, settings("hum", partials=beyond), 8_000).any()


@pytest.mark.parametrize("kind", KINDS)
def test_length_and_channels_change_its_level_only(kind: str) -> None:
    whole = added(noise(9_000, 2), settings(kind))
    part = added(noise(4_000, 1), settings(kind))[0]
    ratio = np.std(part) / np.std(whole[0, :4_000])
    np.testing.assert_allclose(part, whole[0, :4_000] * ratio, atol=1e-4 * np.abs(part).max())


@pytest.mark.parametrize("kind", ["white", "pink", "hiss"])
def test_another_seed_is_another_noise(kind: str) -> None:
    audio = noise(40_000, 1)
    both = [added(audio, settings(kind, seed=seed))[0] for seed in (1, 2)]
    assert abs(np.corrcoef(both)[0, 1]) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_under_silence_there_is_none(kind: str) -> None:
    silence = np.zeros((2, 1_000), dtype=np.float32)
    assert np.array_equal(apply_fault(Noise(), silence, RATE, settings(kind)), silence)


def test_the_harmonics_of_a_hum_are_drawn_as_data() -> None:
    rng = np.random.default_rng(0)
    given = {"kind": "hum", "mains_hz": 60, "harmonics": [4, 6], "harmonic_db": [-20, -10]}
    drawn = [draw_fault(Noise(), rng, given) for _ in range(50)]
    assert {len(one["partials"]) for one in drawn} == {4, 5, 6}
    for one in drawn:
        first, *others = one["partials"]
        assert one["mains_hz"] == 60
        assert first["level_db"] == 0
        assert [partial["multiple"] for partial in others] == list(range(2, len(others) + 2))
        assert all(-20 <= partial["level_db"] <= -10 for partial in others)
