"""Offsets, signs and gains of channels are measured where they are certain, and nowhere else."""

import numpy as np
import pytest
from signals import cut, noise
from synthetic_music import mix, pink

from rebounce.engine.audio import Audio
from rebounce.engine.channel_meter import ChannelFaults, ChannelMeter

RATE = 44_100


def metered(audio: Audio, rate_hz: float = RATE, sizes: list[int] | None = None) -> ChannelMeter:
    meter = ChannelMeter(rate_hz, len(audio))
    for block in cut(audio, sizes or [max(1, audio.shape[1])]):
        meter.see(block)
    return meter


def mono(audio: Audio) -> Audio:
    return np.repeat(audio[:1], 2, axis=0)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("offset", [-0.02, 0.3])
def test_a_steady_offset_is_measured(rate_hz: int, offset: float) -> None:
    music = mix(6, rate_hz)
    music[1] += np.float32(offset)
    np.testing.assert_allclose(metered(music, rate_hz).offsets(), [0, offset], atol=5e-4)


def test_an_offset_in_half_of_the_file_or_a_slow_wave_is_none() -> None:
    music = mix(8, RATE)
    half = music.copy()
    half[:, 4 * RATE :] += 0.02
    wave = music + 0.02 * np.sin(2 * np.pi * 0.3 * np.arange(8 * RATE) / RATE).astype(np.float32)
    assert not metered(half).offsets().any()
    assert not metered(wave).offsets().any()


@pytest.mark.parametrize("gap_db", [-6.0, -1.0, 0.8, 12.0])
def test_copies_of_which_one_is_softer_are_measured(gap_db: float) -> None:
    copies = mono(mix(6, RATE))
    copies[1] *= np.float32(10 ** (gap_db / 20))
    meter = metered(copies)
    assert meter.imbalance_db() == pytest.approx(gap_db, abs=0.01)
    softer = 1 if gap_db < 0 else 0
    assert meter.faults().raised_db[softer] == pytest.approx(abs(gap_db), abs=0.01)
    assert meter.faults().raised_db[1 - softer] == 0


def test_channels_that_differ_have_no_balance() -> None:
    music = pink(6)
    music[1] *= np.float32(0.5)
    assert metered(music).imbalance_db() is None


def test_one_channel_inverted_is_seen_and_wide_music_is_not_taken_for_it() -> None:
    music = mix(6, RATE) + mono(mix(6, RATE, seed=5)) * np.float32(2)
    inverted = music * np.asarray([[1], [-1]], dtype=np.float32)
    assert metered(inverted).is_inverted()
    assert not metered(music).is_inverted()
    assert not metered(pink(6)).is_inverted()


def test_bass_in_phase_under_an_inverted_top_is_not_inverted() -> None:
    """What a stereo widener does."""
    bass, top = mono(pink(6)), mono(noise(6 * RATE)) * np.asarray([[1], [-1]], dtype=np.float32)
    assert not metered((bass + 3 * top).astype(np.float32)).is_inverted()


@pytest.mark.parametrize("late_ms", [-8.0, 1.0, 20.0])
def test_a_late_channel_is_measured(late_ms: float) -> None:
    frames = round(late_ms * RATE / 1_000)
    music = pink(6)[0]
    meter = metered(np.stack([music, np.roll(music, frames)]))
    assert meter.delay_s() == pytest.approx(late_ms / 1_000, abs=2e-4)
    assert metered(mono(music[np.newaxis])).delay_s() is None


def test_a_dead_channel_and_dual_mono_are_told() -> None:
    music = mix(6, RATE)
    dead = music.copy()
    dead[0] = 0
    assert metered(dead).dead_channel() == 0
    assert metered(dead).imbalance_db() is None
    assert metered(mono(music)).is_dual_mono()
    assert not metered(music).is_dual_mono()


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("frames", [0, 1, 50_000, 6 * RATE])
@pytest.mark.parametrize("level", [0.0, 1e-6, 1.0, 1e4])
def test_silence_noise_and_short_files_have_no_faults(channels: int, frames: int, level: float) -> None:
    faults = metered(noise(frames, channels, level=level)).faults()
    assert faults == ChannelFaults(offsets=(0.0,) * channels, inverted=(False,) * channels, raised_db=(0.0,) * channels)


def test_the_cut_of_the_blocks_does_not_matter() -> None:
    music = mono(mix(6, RATE)) * np.asarray([[1], [-0.5]], dtype=np.float32) + np.float32(0.02)
    assert metered(music, sizes=[319, 70_001]).faults() == metered(music).faults()
