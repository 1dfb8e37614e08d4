"""FixChannels gives the channels back as they were, exactly, and leaves others bit-identical."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.repair.fix_channels import FixChannels
from rebounce.engine.repair.scope import EVERYWHERE

RATE = 44_100


def near_mono() -> Audio:
    return np.repeat(mix(6, RATE)[:1], 2, axis=0)


def damaged(music: Audio) -> Audio:
    """An offset in the left channel, the right one inverted and 4 dB softer."""
    gains = np.asarray([[1], [-(10 ** (-4 / 20))]], dtype=np.float32)
    return music * gains + np.asarray([[0.03], [0]], dtype=np.float32)


def test_offset_polarity_and_balance_are_taken_back() -> None:
    music = near_mono()
    plugin = FixChannels()
    restored = plugin(damaged(music), RATE)
    # The mean of the music itself goes with the offset.
    np.testing.assert_allclose(restored, music, atol=6e-4)
    [note] = plugin.notes()
    assert note == "an offset of 3.0 % subtracted, one channel inverted, one channel raised by 4.0 dB"


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        ({"fixes_dc": False}, [1, 1, 0.03]),
        ({"fixes_polarity": False}, [1, -1, 0]),
        ({"fixes_imbalance": False}, [1, 10 ** (-4 / 20), 0]),
    ],
)
def test_what_is_not_asked_for_stays(flags: dict[str, bool], left: list[float]) -> None:
    music = near_mono()
    restored = FixChannels(**flags)(damaged(music), RATE)
    expected = music * np.asarray([[left[0]], [left[1]]]) + np.asarray([[left[2]], [0]])
    np.testing.assert_allclose(restored, expected, atol=6e-4)


def test_half_the_strength_takes_half_the_offset_and_half_the_decibels() -> None:
    music = near_mono()
    restored = FixChannels(strength=0.5)(damaged(music), RATE)
    expected = music * np.asarray([[1], [10 ** (-2 / 20)]]) + np.asarray([[0.015], [0]])
    np.testing.assert_allclose(restored, expected, atol=6e-4)


def test_no_strength_is_no_change() -> None:
    noisy = damaged(near_mono())
    np.testing.assert_array_equal(FixChannels(strength=0)(noisy, RATE), noisy)


def test_digital_silence_stays_silent() -> None:
    # The music must not leave silence of its own to be taken for what is black.
    broken = np.concatenate([damaged(near_mono()), np.zeros((2, RATE // 2), dtype=np.float32)], axis=1)
    restored = FixChannels()(broken, RATE)
    np.testing.assert_array_equal(restored[:, -RATE // 2 + 300 :], 0)
    assert restored[0, : 6 * RATE].mean() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    "audio", [mix(6, RATE), noise(6 * RATE, 1), noise(6 * RATE, 6), noise(1), noise(0), np.zeros((2, 6 * RATE), "f4")]
)
def test_channels_without_fault_leave_bit_identical(audio: Audio) -> None:
    plugin = FixChannels()
    np.testing.assert_array_equal(plugin(audio, RATE), audio)
    assert plugin.notes() == ["nothing wrong with the channels: left alone"]


def test_an_offset_alone_has_the_lowest_band_for_its_scope() -> None:
    plugin = FixChannels()
    assert plugin.scope(RATE) == EVERYWHERE
    plugin.analyse([mix(6, RATE) + np.float32(0.03)], RATE)
    assert plugin.scope(RATE).bands_hz == ((0.0, 20.0),)
    plugin.analyse([damaged(near_mono())], RATE)
    assert plugin.scope(RATE) == EVERYWHERE


@pytest.fixture(scope="module")
def pinned() -> FixChannels:
    plugin = FixChannels()
    plugin.analyse([damaged(near_mono())], RATE)
    return plugin


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(pinned: FixChannels, sizes: list[int], channels: int) -> None:
    audio = noise(RATE + 77, channels)
    whole = pinned(audio, RATE)
    pieces = [pinned.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, pinned.flush()], axis=1), whole)
    assert np.array_equal(whole, audio) == (channels != 2)


def test_it_is_saved_with_what_it_found(pinned: FixChannels) -> None:
    audio = noise(RATE)
    np.testing.assert_array_equal(FixChannels.from_dict(pinned.to_dict())(audio, RATE), pinned(audio, RATE))


def test_what_was_measured_on_other_channels_is_not_done_and_not_told(pinned: FixChannels) -> None:
    mono = mix(2, RATE)[:1]
    np.testing.assert_array_equal(pinned(mono, RATE), mono)
    assert pinned.notes() == ["measured on a file of 2 channels, and this has 1: left alone"]
