"""ExtendBandwidth fills what was cut off, at the level it had, and touches nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from signals import cut, noise, tone
from synthetic_music import mix, pink, speech_like, walled

from rebounce.engine.audio import Audio
from rebounce.engine.extend_bandwidth import ExtendBandwidth
from rebounce.engine.resampling import resample_blocks

RATE = 44_100


def band_db(audio: Audio, low_hz: float, high_hz: float, rate_hz: int = RATE) -> float:
    frequencies_hz, power = signal.welch(audio, rate_hz, nperseg=2048, axis=1)
    inside = (frequencies_hz >= low_hz) & (frequencies_hz < high_hz)
    return float(10 * np.log10(power[:, inside].mean() + 1e-30))


def change_below_db(restored: Audio, audio: Audio, edge_hz: float, rate_hz: int = RATE) -> float:
    """The change below `edge_hz` against the whole signal."""
    taps = signal.firwin(4_095, edge_hz - 200, fs=rate_hz, window=("kaiser", 14))
    change = signal.fftconvolve(restored - audio, taps[np.newaxis], mode="same", axes=1)
    return float(10 * np.log10(np.mean(change.astype(np.float64) ** 2) / np.mean(audio.astype(np.float64) ** 2)))


def faded(audio: Audio, rate_hz: int = RATE) -> Audio:
    """The audio with soft ends, as an abrupt one is a click in the change too."""
    ends: Audio = signal.windows.tukey(audio.shape[1], 0.1 * rate_hz / audio.shape[1]).astype(np.float32)
    return audio * ends


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("make", [pink, mix], ids=["pink", "mix"])
def test_the_missing_band_comes_back_at_its_level(make: Callable[[float, int], Audio], rate_hz: int) -> None:
    whole = faded(make(6, rate_hz), rate_hz)
    dull = walled(whole, 16_000, rate_hz)
    restored = ExtendBandwidth()(dull, rate_hz)
    for low_hz in (16_500, 17_500, 18_500):
        expected = band_db(whole, low_hz, low_hz + 1_000, rate_hz)
        assert band_db(dull, low_hz, low_hz + 1_000, rate_hz) < expected - 40
        assert band_db(restored, low_hz, low_hz + 1_000, rate_hz) == pytest.approx(expected, abs=4)
    assert change_below_db(restored, dull, 16_000, rate_hz) < -90


def test_nothing_is_added_above_20_khz() -> None:
    dull = walled(pink(4, 96_000), 16_000, 96_000)
    change = ExtendBandwidth()(dull, 96_000) - dull
    assert band_db(change, 20_500, 47_000, 96_000) < band_db(change, 17_000, 19_500, 96_000) - 50


def test_a_wide_gap_is_filled_falling_and_never_above_the_slope() -> None:
    whole = pink(6)
    restored = ExtendBandwidth()(walled(whole, 8_000), RATE)
    levels = [band_db(restored, low_hz, low_hz + 1_000) for low_hz in range(8_500, 19_000, 1_500)]
    assert np.all(np.diff(levels) < 0)
    over = [
        level - band_db(whole, low, low + 1_000) for level, low in zip(levels, range(8_500, 19_000, 1_500), strict=True)
    ]
    assert max(over) < 2


def test_an_mp3_gets_its_top_back() -> None:
    from pedalboard import MP3Compressor

    music = faded(mix(6, RATE))
    coded = MP3Compressor(vbr_quality=6.0)(music, RATE)
    plugin = ExtendBandwidth()
    restored = plugin(coded, RATE)
    low_hz = 1.05 * plugin.analysis.cutoff_hz
    assert band_db(coded, low_hz, 19_500) < band_db(music, low_hz, 19_500) - 20
    assert band_db(restored, low_hz, 19_500) == pytest.approx(band_db(music, low_hz, 19_500), abs=4)
    assert change_below_db(restored, coded, plugin.analysis.cutoff_hz) < -85


def test_a_file_brought_up_from_32_khz_gets_the_band_it_never_had() -> None:
    music = pink(6, 32_000)
    brought = np.concatenate(list(resample_blocks([music], 32_000, RATE, music.shape[1])), axis=1)
    plugin = ExtendBandwidth()
    restored = plugin(brought, RATE)
    expected = band_db(restored, 13_000, 14_000) - 3 * np.log2(18_000 / 13_500)
    assert band_db(restored, 17_500, 18_500) == pytest.approx(expected, abs=4)
    assert plugin.notes() == [f"cut off at {plugin.analysis.cutoff_hz / 1000:.1f} kHz: the band above was filled"]


def test_what_is_added_follows_the_music_in_time() -> None:
    bursts = pink(4) * (np.arange(4 * RATE) % 11_025 < 2_205).astype(np.float32)
    dull = walled(bursts, 15_000)
    added = (ExtendBandwidth()(dull, RATE) - dull).reshape(2, 16, 11_025)
    power = np.mean(np.square(added, dtype=np.float64), axis=(0, 1))
    assert power[:2_205].mean() > 1e4 * power[4_410:10_000].mean()


@pytest.mark.parametrize(
    "audio",
    [
        pink(4),
        mix(4, RATE),
        walled(pink(4), 19_600),
        signal.sosfilt(signal.butter(4, 8_000, fs=RATE, output="sos"), pink(4), axis=1).astype(np.float32),
        tone(1_000, 2 * RATE),
        speech_like(),
        np.zeros((2, RATE), dtype=np.float32),
        noise(319),
        noise(1),
        noise(0),
    ],
    ids=["pink", "mix", "19.6 kHz", "dull", "sine", "speech", "silence", "319 frames", "one frame", "no frames"],
)
def test_where_nothing_is_missing_nothing_changes(audio: Audio) -> None:
    plugin = ExtendBandwidth()
    np.testing.assert_array_equal(plugin(audio, RATE), audio)
    assert plugin.notes() == ["nothing is missing at the top: left alone"]


@pytest.fixture(scope="module")
def pinned() -> ExtendBandwidth:
    plugin = ExtendBandwidth()
    plugin.analyse([walled(pink(4), 16_000)], RATE)
    return plugin


def test_no_strength_is_no_change(pinned: ExtendBandwidth) -> None:
    dull = walled(pink(2), 16_000)
    plugin = ExtendBandwidth.from_dict(pinned.to_dict() | {"strength": 0.0})
    np.testing.assert_array_equal(plugin(dull, RATE), dull)


def test_strength_scales_what_is_added(pinned: ExtendBandwidth) -> None:
    dull = walled(pink(2), 16_000)
    half = ExtendBandwidth.from_dict(pinned.to_dict() | {"strength": 0.5})
    np.testing.assert_allclose(half(dull, RATE) - dull, (pinned(dull, RATE) - dull) / 2, atol=1e-7)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_of_noise_does_not_change_the_level(pinned: ExtendBandwidth, share: float) -> None:
    dull = walled(pink(4), 16_000)
    plugin = ExtendBandwidth.from_dict(pinned.to_dict() | {"noise": share})
    expected = band_db(pinned(dull, RATE), 17_000, 19_000)
    assert band_db(plugin(dull, RATE), 17_000, 19_000) == pytest.approx(expected, abs=0.5)


def test_silence_within_the_music_stays_silent(pinned: ExtendBandwidth) -> None:
    dull = walled(pink(2), 16_000)
    dull[:, RATE // 2 : RATE] = 0
    inner = slice(RATE // 2 + 2_048, RATE - 2_048)
    np.testing.assert_array_equal(pinned(dull, RATE)[:, inner], 0)


def test_the_image_does_not_move(pinned: ExtendBandwidth) -> None:
    mono = walled(pink(1), 16_000)[:1]
    np.testing.assert_array_equal(*pinned(np.concatenate([mono, mono]), RATE))
    left, right = pinned(np.concatenate([mono, -mono]), RATE)
    np.testing.assert_array_equal(left, -right)
    assert not pinned(np.concatenate([mono, 0 * mono]), RATE)[1].any()


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(pinned: ExtendBandwidth, sizes: list[int], channels: int) -> None:
    audio = noise(2 * RATE + 77, channels)
    whole = pinned(audio, RATE)
    pieces = [pinned.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, pinned.flush()], axis=1), whole)
    assert not np.array_equal(whole, audio)


def test_a_second_run_gives_the_same_bits(pinned: ExtendBandwidth) -> None:
    audio = noise(RATE)
    np.testing.assert_array_equal(pinned(audio, RATE), pinned(audio, RATE))


def test_an_analysis_of_another_rate_does_no_harm(pinned: ExtendBandwidth) -> None:
    audio = noise(16_000)
    np.testing.assert_array_equal(pinned(audio, 16_000), audio)
