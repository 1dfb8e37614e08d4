"""An echo is taken back by the inverse of its path, in blocks of any length; where there is none nothing is done."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.repair.echo_path import EchoPath
from rebounce.engine.repair.remove_echo import RemoveEcho
from rebounce.training.faults.echo import Echo
from rebounce.training.scores.si_sdr import si_sdr_db

RATE = 16_000
WHOLE = 1 / RATE
SINGLE = EchoPath(delays_s=(2_204 * WHOLE,), gains=(0.6,), repeats=1)
DULL_REPEATS = EchoPath(delays_s=(1_502 * WHOLE,), gains=(0.6,), repeats=4, lowpass_hz=2_500.0)
DULL_TAPS = EchoPath(delays_s=(3_010 * WHOLE, 1_100 * WHOLE), gains=(0.5, 0.3), lowpass_hz=3_000.0)
LOUD_TAPS = EchoPath(delays_s=(3_010 * WHOLE, 1_100 * WHOLE, 4_321 * WHOLE), gains=(0.6, 0.5, 0.5))


def removing(path: EchoPath, strength: float = 1.0) -> RemoveEcho:
    plugin = RemoveEcho(strength=strength)
    plugin.analysis = path
    plugin.keep_analysis()
    return plugin


def echoed(audio: Audio, path: EchoPath, rate_hz: int = RATE) -> Audio:
    """By the fault that training does, at whole frames."""
    lowpass = {"lowpass_hz": path.lowpass_hz}
    taps = [
        {"delay_ms": 1_000 * delay_s, "gain": gain} for delay_s, gain in zip(path.delays_s, path.gains, strict=True)
    ]
    if path.repeats:
        return Echo().apply(audio, rate_hz, {"pattern": "repeats", "taps": path.repeats} | taps[0] | lowpass)
    return Echo().apply(audio, rate_hz, {"pattern": "taps", "taps": taps} | lowpass)


@pytest.mark.parametrize("path", [SINGLE, DULL_REPEATS, DULL_TAPS])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_an_echo_that_is_known_is_gone_to_the_last_bits(path: EchoPath, channels: int) -> None:
    clean = noise(5 * RATE + 13, channels)
    restored = removing(path)(echoed(clean, path), RATE)
    np.testing.assert_allclose(restored, clean, atol=3e-6)


def test_echoes_that_are_louder_than_the_mix_together_are_nearly_gone() -> None:
    clean = noise(60 * RATE, channels=1)
    damaged = echoed(clean, LOUD_TAPS)
    restored = removing(LOUD_TAPS)(damaged, RATE)
    inner = slice(0, 45 * RATE)
    before, after = si_sdr_db(clean[:, inner], damaged[:, inner]), si_sdr_db(clean[:, inner], restored[:, inner])
    assert before is not None
    assert after is not None
    assert before < 3
    assert after > 22


def test_a_delay_between_two_frames_is_taken_back_too() -> None:
    path = EchoPath(delays_s=(2_000.4 * WHOLE,), gains=(0.5,), repeats=1)
    clean = np.zeros((1, 4 * RATE), dtype=np.float32)
    clean[:, 4_000:30_000] = 0.3 * np.sin(0.11 * np.arange(26_000) * np.hanning(26_000))
    size = 2 * clean.shape[1]
    frequencies_hz = np.linspace(0, RATE / 2, size // 2 + 1, dtype=np.float64)
    response = path.response(frequencies_hz, RATE)
    damaged = np.fft.irfft(np.fft.rfft(clean, size) * response, size)[:, : clean.shape[1]].astype(np.float32)
    assert np.abs(removing(path)(damaged, RATE) - clean).max() < 2e-4


@pytest.mark.parametrize("path", [DULL_TAPS, LOUD_TAPS])
def test_strength_is_the_share_that_goes(path: EchoPath) -> None:
    damaged = noise(3 * RATE)
    full = removing(path)(damaged, RATE)
    half = removing(path, strength=0.5)(damaged, RATE)
    np.testing.assert_allclose(half, (damaged + full) / 2, atol=1e-6)
    np.testing.assert_array_equal(removing(path, strength=0.0)(damaged, RATE), damaged)


@pytest.mark.parametrize("path", [DULL_REPEATS, DULL_TAPS, LOUD_TAPS])
@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=3))
def test_the_block_size_does_not_matter(path: EchoPath, sizes: list[int]) -> None:
    audio = noise(2 * RATE + 77)
    plugin = removing(path)
    whole = plugin(audio, RATE)
    pieces = [plugin.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, plugin.flush()], axis=1), whole)


@pytest.mark.parametrize("path", [SINGLE, DULL_TAPS, LOUD_TAPS])
@pytest.mark.parametrize("dither", [0.0, 1 / 32_768])
def test_a_gap_that_was_cut_afterwards_stays_as_it_is(path: EchoPath, dither: float) -> None:
    damaged = echoed(noise(4 * RATE), path)
    gap = slice(2 * RATE, 3 * RATE)
    damaged[:, gap] = dither * np.sign(noise(RATE))
    restored = removing(path)(damaged, RATE)
    np.testing.assert_array_equal(restored[:, gap], damaged[:, gap])
    assert (restored[:, : gap.start] != damaged[:, : gap.start]).mean() > 0.5


@pytest.mark.parametrize("rate_hz", [8_000, 48_000, 96_000])
@pytest.mark.parametrize("path", [DULL_REPEATS, DULL_TAPS])
def test_a_path_found_at_one_rate_serves_at_another(path: EchoPath, rate_hz: int) -> None:
    clean = tone(300, 2 * rate_hz, rate_hz) * np.hanning(2 * rate_hz).astype(np.float32)
    damaged = echoed(clean, path, rate_hz)
    restored = removing(path)(damaged, rate_hz)
    assert np.abs(restored - clean).max() < 0.02 * np.abs(damaged - clean).max()


@pytest.fixture(scope="module")
def music() -> Audio:
    return mix(14, RATE)


@pytest.mark.parametrize("path", [SINGLE, DULL_REPEATS, DULL_TAPS])
def test_an_echo_over_music_is_found_and_taken_back(music: Audio, path: EchoPath) -> None:
    damaged = echoed(music, path)
    plugin = RemoveEcho()
    restored = plugin(damaged, RATE)
    before, after = si_sdr_db(music, damaged), si_sdr_db(music, restored)
    assert before is not None
    assert after is not None
    assert after > max(26, before + 10)
    assert f"{1_000 * path.delays_s[0]:.0f}" in plugin.notes()[0]


def test_clean_music_leaves_bit_identical(music: Audio) -> None:
    plugin = RemoveEcho()
    np.testing.assert_array_equal(plugin(music, RATE), music)
    assert plugin.notes() == ["no echo that can be told from the music: left alone"]


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, 12 * RATE), dtype=np.float32),
        np.full((1, 12 * RATE), 0.3, dtype=np.float32),
        tone(440, 12 * RATE, RATE),
        noise(12 * RATE, level=1e12),
        noise(12 * RATE, level=1e-9),
        noise(RATE),
        noise(1),
        noise(0),
    ],
    ids=["silence", "DC", "sine", "huge noise", "tiny noise", "one second", "one frame", "no frames"],
)
def test_what_has_no_echo_leaves_bit_identical(audio: Audio) -> None:
    np.testing.assert_array_equal(RemoveEcho()(audio, RATE), audio)


@pytest.mark.parametrize("path", [DULL_TAPS, LOUD_TAPS])
@pytest.mark.parametrize("audio", [np.zeros((2, RATE), dtype=np.float32), noise(1), noise(0)])
def test_silence_and_single_frames_come_through_every_inverse(path: EchoPath, audio: Audio) -> None:
    restored = removing(path)(audio, RATE)
    assert restored.shape == audio.shape
    np.testing.assert_allclose(restored, audio, atol=0.02)


def test_it_is_saved_with_what_it_found(music: Audio) -> None:
    damaged = echoed(music, DULL_TAPS)
    plugin = RemoveEcho()
    plugin.analyse([damaged], RATE)
    table: dict[str, Any] = plugin.to_dict()
    np.testing.assert_array_equal(RemoveEcho.from_dict(table)(damaged, RATE), plugin(damaged, RATE))
