import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import signal
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.reverb import Reverb
from rebounce.training.music import make_mix

RATE_HZ = 48_000
AT = 100
"""Where the impulse is."""

# Every kind that needs nothing but itself.
DRAWN = {
    "synthetic": {"kind": "synthetic", "rt60_s": 0.5, "seed": 1},
    "plate": {"kind": "plate", "room_size": 0.4, "damping": 0.3, "width": 0.8},
    "decay": {"kind": "decay", "decay_s": 0.2, "length_ms": 400.0, "seed": 2},
}


def parameters(kind: str, **changes: Any) -> dict[str, Any]:
    return {"drr_db": 3.0, "predelay_ms": 0.0} | DRAWN[kind] | changes


def response(drawn: dict[str, Any], channels: int = 2, seconds: float = 3.0, rate_hz: int = RATE_HZ) -> Audio:
    """What comes of an impulse in every channel at frame `AT`."""
    impulse = np.zeros((channels, int(seconds * rate_hz)), dtype=np.float32)
    impulse[:, AT] = 1
    return apply_fault(Reverb(), impulse, rate_hz, drawn)


def tail_of(heard: Audio) -> Audio:
    tail = heard[:, AT:].copy()
    tail[:, 0] -= 1
    return tail


def drr_db(heard: Audio, rate_hz: int) -> float:
    """In third-octaves from 50 Hz to 3.5 kHz, which all count alike, as they do in pink noise."""
    power = np.mean(np.abs(np.fft.rfft(tail_of(heard).astype(np.float64), axis=1)) ** 2, axis=0)
    edges = np.geomspace(50, 3_500, 19) / rate_hz * heard.shape[1]
    bands = [power[round(low) : round(high)].mean() for low, high in itertools.pairwise(edges)]
    return -10 * math.log10(float(np.mean(bands)))


def rt60_s(tail: Audio, band_hz: float, rate_hz: int = RATE_HZ) -> float:
    """T30 of an octave, from Schroeder's integral over the tails of all channels."""
    edges_hz = (band_hz / math.sqrt(2), band_hz * math.sqrt(2))
    sections = signal.butter(3, edges_hz, "bandpass", fs=rate_hz, output="sos")
    energy = np.sum(signal.sosfilt(sections, tail.astype(np.float64), axis=1) ** 2, axis=0)
    coming_db = 10 * np.log10(np.cumsum(energy[::-1])[::-1] / energy.sum() + 1e-30)
    fit = np.flatnonzero((coming_db < -5) & (coming_db > -35))
    return float(-60 / np.polyfit(fit / rate_hz, coming_db[fit], 1)[0])


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_direct_sound_is_untouched_and_nothing_comes_before_it(kind: str, channels: int) -> None:
    heard = response(parameters(kind), channels, seconds=0.5)
    np.testing.assert_allclose(heard[:, AT], 1, atol=1e-6)
    np.testing.assert_allclose(heard[:, :AT], 0, atol=1e-6)
    assert np.all(np.abs(tail_of(heard)).max(axis=1) > 1e-3)


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("asked_db", [-6.0, 0.0, 12.0])
@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 44_100), (2, 192_000), (3, 8_000)])
def test_direct_sound_and_tail_are_as_far_apart_as_asked(
    kind: str, asked_db: float, channels: int, rate_hz: int
) -> None:
    heard = response(parameters(kind, drr_db=asked_db), channels, seconds=2.0, rate_hz=rate_hz)
    assert drr_db(heard, rate_hz) == pytest.approx(asked_db, abs=0.2)


def on_material_db(audio: Audio, rate_hz: int, drawn: dict[str, Any]) -> float:
    added = apply_fault(Reverb(), audio, rate_hz, drawn).astype(np.float64) - audio
    return float(20 * np.log10(np.std(audio.astype(np.float64)) / np.std(added)))


def pink(rate_hz: int, seconds: float = 6.0) -> Audio:
    """The same in both channels, from 50 Hz to 3.5 kHz."""
    frames = int(seconds * rate_hz)
    hz = np.fft.rfftfreq(frames, 1 / rate_hz)
    phases = np.exp(2j * np.pi * np.random.default_rng(3).random(hz.size))
    levels = np.where((hz > 50) & (hz < 3_500), 1 / np.sqrt(np.maximum(hz, 1)), 0)
    wave = np.fft.irfft(levels * phases, frames)
    return np.stack([0.1 * wave / np.std(wave)] * 2).astype(np.float32)


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_on_pink_noise_the_ratio_is_as_asked_at_any_rate(kind: str, rate_hz: int) -> None:
    assert on_material_db(pink(rate_hz), rate_hz, parameters(kind, drr_db=6.0)) == pytest.approx(6.0, abs=0.5)


@pytest.fixture(scope="module")
def mixes() -> list[Audio]:
    return [make_mix(seed, 5.0, RATE_HZ).audio for seed in (1, 2, 3)]


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("rate_hz", [8_000, 48_000, 192_000])
def test_under_music_the_ratio_is_about_as_asked_at_any_rate(kind: str, rate_hz: int, mixes: list[Audio]) -> None:
    found_db = []
    for mix in mixes:
        audio = signal.resample_poly(mix, rate_hz, RATE_HZ, axis=1)
        found_db.append(on_material_db(audio, rate_hz, parameters(kind, drr_db=0.0)))
    assert np.mean(found_db) == pytest.approx(0.0, abs=1.5)
    assert np.abs(found_db).max() < 3


@pytest.mark.parametrize("asked_s", [0.25, 0.8, 2.5])
@pytest.mark.parametrize("band_hz", [500.0, 1_000.0])
@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_a_synthetic_tail_falls_by_60_db_in_the_time_asked_for(asked_s: float, band_hz: float, rate_hz: int) -> None:
    heard = response(parameters("synthetic", rt60_s=asked_s), 16, seconds=2 * asked_s, rate_hz=rate_hz)
    assert rt60_s(tail_of(heard), band_hz, rate_hz) == pytest.approx(asked_s, rel=0.1)


def test_higher_bands_of_a_synthetic_tail_are_shorter() -> None:
    tail = tail_of(response(parameters("synthetic", rt60_s=1.0), 16))
    low, middle, high, highest = (rt60_s(tail, band_hz) for band_hz in (125.0, 1_000.0, 4_000.0, 12_000.0))
    assert low > 1.05 * middle
    assert 0.65 < high / middle < 0.95
    assert 0.35 < highest / middle < 0.65


@pytest.mark.parametrize(("decay_s", "length_ms"), [(0.2, 400.0), (1.0, 50.0), (0.5, 200.0)])
def test_a_decay_falls_to_1_e_in_its_time_and_ends_at_its_length(decay_s: float, length_ms: float) -> None:
    heard = response(parameters("decay", decay_s=decay_s, length_ms=length_ms, drr_db=-6.0), 64, seconds=0.6)
    tail = tail_of(heard)[:, 1:]
    frames = round(length_ms * RATE_HZ / 1000)
    assert np.abs(tail[:, :frames]).max() > 1e-3
    np.testing.assert_allclose(tail[:, frames:], 0, atol=1e-6)
    first, last = (
        np.mean(piece.astype(np.float64) ** 2)
        for piece in (tail[:, : frames // 10], tail[:, frames * 8 // 10 : frames * 9 // 10])
    )
    apart_s = 0.8 * frames / RATE_HZ
    assert 0.5 * math.log(first / last) == pytest.approx(apart_s / decay_s, abs=0.02)


@pytest.mark.parametrize("kind", DRAWN)
def test_channels_have_tails_of_their_own(kind: str) -> None:
    left, right = tail_of(response(parameters(kind)))
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.5


@pytest.mark.parametrize("kind", ["synthetic", "decay"])
def test_each_channel_is_heard_in_itself_alone(kind: str) -> None:
    audio = noise(5_000)
    audio[1] = 0
    damaged = apply_fault(Reverb(), audio, RATE_HZ, parameters(kind))
    np.testing.assert_array_equal(damaged[1], 0)
    alone = apply_fault(Reverb(), audio[:1], RATE_HZ, parameters(kind))
    assert np.abs(alone - audio[:1]).max() > 1e-3


@pytest.mark.parametrize("kind", DRAWN)
def test_a_pre_delay_moves_the_tail_and_nothing_else(kind: str) -> None:
    early, late = (response(parameters(kind, predelay_ms=ms), seconds=0.5) for ms in (1.0, 26.0))
    moved = 25 * RATE_HZ // 1000
    np.testing.assert_allclose(tail_of(late)[:, moved:], tail_of(early)[:, :-moved], atol=1e-6)
    np.testing.assert_allclose(tail_of(late)[:, 1:moved], 0, atol=1e-6)


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("frames", [1, 2, 3, 500])
def test_a_short_piece_is_the_beginning_of_a_longer_one(kind: str, frames: int) -> None:
    audio = noise(9_000)
    whole = apply_fault(Reverb(), audio, RATE_HZ, parameters(kind))
    short = apply_fault(Reverb(), audio[:, :frames], RATE_HZ, parameters(kind))
    np.testing.assert_allclose(short, whole[:, :frames], atol=1e-6)


@pytest.mark.parametrize("kind", DRAWN)
def test_it_is_linear_and_leaves_silence_alone(kind: str) -> None:
    audio = noise(9_000)
    damaged = apply_fault(Reverb(), audio, RATE_HZ, parameters(kind))
    louder = apply_fault(Reverb(), audio * np.float32(40), RATE_HZ, parameters(kind))
    np.testing.assert_allclose(louder, damaged * 40, atol=1e-4)
    np.testing.assert_array_equal(apply_fault(Reverb(), audio * 0, RATE_HZ, parameters(kind)), 0)


def test_it_draws_what_a_kind_needs_and_a_seed_decides_on_the_noise() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_fault(Reverb(), rng) for _ in range(100)]
    assert {item["kind"] for item in drawn} == {"synthetic", "plate"}
    assert all(-6 <= item["drr_db"] <= 12 for item in drawn)
    assert all(0.25 <= item["rt60_s"] <= 2.5 for item in drawn if item["kind"] == "synthetic")
    first, second = (response(parameters("synthetic", seed=seed)) for seed in (1, 2))
    assert np.abs(np.corrcoef(tail_of(first)[0], tail_of(second)[0])[0, 1]) < 0.1
