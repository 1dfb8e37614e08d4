"""RepairCodecDamage fills softly above a low cut-off, and touches nothing below it and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from signals import cut, noise
from synthetic_music import mix, pink, walled

from rebounce.engine.audio import Audio
from rebounce.engine.extend_bandwidth import ExtendBandwidth
from rebounce.engine.repair.repair_codec_damage import FULL_LEVEL, NOISE_SHARE, RepairCodecDamage
from rebounce.engine.repair.scope import EVERYWHERE
from rebounce.training.scores.log_spectral_distance import log_spectral_distance_db
from rebounce.training.scores.si_sdr import si_sdr_db

RATE = 44_100


def powers_db(audio: Audio) -> np.ndarray:
    return np.asarray(10 * np.log10(np.mean(signal.welch(audio, RATE, nperseg=2048, axis=1)[1], axis=0) + 1e-30))


@pytest.mark.parametrize("cutoff_hz", [8_000, 11_000, 14_000])
def test_the_spectrum_comes_nearer_and_fidelity_is_not_lost(cutoff_hz: int) -> None:
    clean = pink(6)
    damaged = walled(clean, cutoff_hz)
    plugin = RepairCodecDamage()
    restored = plugin(damaged, RATE)
    before, after = (log_spectral_distance_db(clean, audio, RATE) for audio in (damaged, restored))
    assert before is not None
    assert after is not None
    assert after < 0.6 * before
    first, last = si_sdr_db(clean, damaged), si_sdr_db(clean, restored)
    assert first is not None
    assert last is not None
    assert last > first - 0.05
    assert f"{cutoff_hz / 1000:.0f}" in plugin.notes()[0]


def test_only_the_band_in_its_scope_changes() -> None:
    damaged = walled(mix(6, RATE), 11_000)
    plugin = RepairCodecDamage()
    restored = plugin(damaged, RATE)
    bands_hz = plugin.scope(RATE).bands_hz
    assert bands_hz is not None
    [(low, high)] = bands_hz
    places_hz = np.fft.rfftfreq(2048, 1 / RATE)
    outside = (places_hz < low - 100) | (places_hz > high)
    assert powers_db(restored - damaged)[outside].max() < powers_db(damaged)[outside].max() - 80


def test_it_is_the_wider_plugin_with_a_soft_hand() -> None:
    damaged = walled(mix(6, RATE), 11_000)
    plain = ExtendBandwidth(strength=FULL_LEVEL * 0.5, noise=NOISE_SHARE)
    np.testing.assert_array_equal(RepairCodecDamage(strength=0.5)(damaged, RATE), plain(damaged, RATE))


@pytest.mark.parametrize(
    "audio",
    [mix(6, RATE), walled(pink(6), 17_500), np.zeros((2, RATE), dtype=np.float32), noise(1), noise(0)],
    ids=["whole", "cut off high up", "silence", "one frame", "no frames"],
)
def test_what_misses_nothing_that_counts_leaves_bit_identical(audio: Audio) -> None:
    plugin = RepairCodecDamage()
    assert plugin.scope(RATE) == EVERYWHERE
    np.testing.assert_array_equal(plugin(audio, RATE), audio)
    assert plugin.notes() == ["no cut-off below 17 kHz: left alone"]
    assert plugin.scope(RATE).bands_hz == ()


@pytest.fixture(scope="module")
def pinned() -> RepairCodecDamage:
    plugin = RepairCodecDamage()
    plugin.analyse([walled(mix(6, RATE), 11_000)], RATE)
    return plugin


@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(pinned: RepairCodecDamage, sizes: list[int], channels: int) -> None:
    audio = noise(RATE + 77, channels)
    whole = pinned(audio, RATE)
    pieces = [pinned.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, pinned.flush()], axis=1), whole)
    assert not np.array_equal(whole, audio)


def test_it_is_saved_with_what_it_found(pinned: RepairCodecDamage) -> None:
    audio = noise(RATE)
    np.testing.assert_array_equal(RepairCodecDamage.from_dict(pinned.to_dict())(audio, RATE), pinned(audio, RATE))
