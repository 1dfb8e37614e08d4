"""RestoreClipping brings peaks back near the original and touches nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.repair.restore_clipping import Ceilings, RestoreClipping
from rebounce.training.faults.clipping import Clipping
from rebounce.training.music import make_mix
from rebounce.training.scores.si_sdr import si_sdr_db

RATE = 16_000
MUSIC = make_mix(7, 6.0, RATE).audio


def clipped(audio: Audio = MUSIC, percentile: float = 97.0, kind: str = "hard") -> Audio:
    return Clipping().apply(audio, RATE, {"kind": kind, "percentile": percentile})


def gain_db(clean: Audio, damaged: Audio, restored: Audio) -> float:
    before, after = si_sdr_db(clean, damaged), si_sdr_db(clean, restored)
    assert before is not None
    assert after is not None
    return after - before


def pinned(damaged: Audio) -> RestoreClipping:
    plugin = RestoreClipping()
    plugin.analyse([damaged], RATE)
    return plugin


@pytest.mark.parametrize(("percentile", "least_gain_db"), [(92.0, 12), (97.0, 12), (99.5, 11)])
def test_hard_clipped_music_comes_much_nearer_to_the_original(percentile: float, least_gain_db: float) -> None:
    damaged = clipped(percentile=percentile)
    assert gain_db(MUSIC, damaged, RestoreClipping()(damaged, RATE)) > least_gain_db


def test_samples_that_were_not_clipped_stay_bit_identical_and_the_others_pass_the_ceiling() -> None:
    damaged = clipped()
    restored = RestoreClipping()(damaged, RATE)
    ceiling = np.abs(damaged).max()
    is_clipped = np.abs(damaged) == ceiling
    np.testing.assert_array_equal(restored[~is_clipped], damaged[~is_clipped])
    assert np.all((np.sign(damaged) * restored)[is_clipped] >= ceiling)
    assert np.abs(restored).max() > 1.2 * ceiling


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("frequency_hz", [220.0, 1_000.0])
def test_a_clipped_tone_is_whole_again(rate_hz: int, frequency_hz: float) -> None:
    clean = tone(frequency_hz, 2 * rate_hz, rate_hz) + 0.7 * tone(1.37 * frequency_hz, 2 * rate_hz, rate_hz)
    damaged = np.clip(clean, -0.6, 0.6)
    restored = RestoreClipping()(damaged, rate_hz)
    assert gain_db(clean, damaged, restored) > 20


def test_soft_clipping_is_inverted() -> None:
    music = make_mix(7, 8.0, 44_100).audio
    damaged = Clipping().apply(music, 44_100, {"kind": "soft", "percentile": 97.0})
    plugin = RestoreClipping()
    assert gain_db(music, damaged, plugin(damaged, 44_100)) > 20
    assert plugin.analysis.kind == "soft"
    assert plugin.notes()[0].startswith("soft clipping towards")
    part = RestoreClipping(strength=0.6)
    part(damaged, 44_100)
    assert part.notes()[0].endswith("the curve was inverted, 60 % of the way")


def test_each_polarity_and_channel_has_its_own_ceiling() -> None:
    damaged = MUSIC.copy()
    low, high = np.percentile(MUSIC[0], (2, 97)).astype(np.float32)
    damaged[0] = np.clip(damaged[0], low, high)
    restored = RestoreClipping()(damaged, RATE)
    assert gain_db(MUSIC, damaged, restored) > 12
    np.testing.assert_array_equal(restored[1], damaged[1])
    is_known = (damaged[0] > low) & (damaged[0] < high)
    np.testing.assert_array_equal(restored[0, is_known], damaged[0, is_known])


def test_a_clipped_file_of_16_bits_at_another_level_is_restored() -> None:
    damaged = (np.round(0.37 * clipped() * 32_768) / 32_768).astype(np.float32)
    assert gain_db(MUSIC, damaged, RestoreClipping()(damaged, RATE)) > 12


def test_strength_mixes_and_the_excess_is_bounded() -> None:
    damaged = clipped()
    plugin = pinned(damaged)
    whole = plugin(damaged, RATE)
    plugin.strength = 0.5
    np.testing.assert_allclose(plugin(damaged, RATE), (whole + damaged) / 2, atol=1e-6)
    plugin.strength = 1.0
    plugin.max_excess_db = 1.0
    least_db = 20 * np.log10(np.abs(plugin(damaged, RATE)).max() / np.abs(damaged).max())
    assert least_db == pytest.approx(1, abs=1e-4)
    plugin.strength = 0.0
    np.testing.assert_array_equal(plugin(damaged, RATE), damaged)


@pytest.mark.parametrize(
    "audio",
    [
        MUSIC,
        np.zeros((2, RATE), dtype=np.float32),
        np.full((1, 2 * RATE), 0.3, dtype=np.float32),
        np.sign(tone(100, 2 * RATE, RATE)).astype(np.float32),
        tone(30, 2 * RATE, RATE, level=1.0),
        np.round(tone(30, 2 * RATE, RATE, level=0.999) * 32_767).astype(np.float32) / 32_768,
        noise(2 * RATE, level=1e-7),
        noise(2 * RATE, level=1e30),
        noise(1),
        noise(0),
    ],
    ids=["music", "silence", "DC", "square", "sine", "sine of 16 bits", "tiny", "huge", "one frame", "no frames"],
)
def test_what_was_not_clipped_or_cannot_be_helped_leaves_bit_identical(audio: Audio) -> None:
    plugin = RestoreClipping()
    np.testing.assert_array_equal(plugin(audio, RATE), audio)
    assert plugin.notes() == ["no clipping that can be undone: left alone"]


@pytest.mark.parametrize("level", [1e-2, 1e20])
def test_the_level_of_the_file_does_not_matter(level: float) -> None:
    damaged = clipped()
    restored = RestoreClipping()(damaged * np.float32(level), RATE)
    assert gain_db(MUSIC, damaged, restored / np.float32(level)) > 12


HARD = clipped()
PINNED = pinned(HARD)
WHOLE = PINNED(HARD, RATE)


@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=3))
def test_the_block_size_does_not_matter(sizes: list[int]) -> None:
    pieces = [PINNED.process(block, RATE, reset=False) for block in cut(HARD, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, PINNED.flush()], axis=1), WHOLE)


def test_a_seam_between_blocks_is_no_worse_than_the_middle_of_one() -> None:
    block = PINNED.timing(RATE).block_frames
    error = np.square(WHOLE - MUSIC).mean(axis=0)
    seams = np.concatenate([error[start - 256 : start + 256] for start in range(block, error.size - 256, block)])
    assert seams.mean() < 4 * error.mean()


def test_a_square_wave_under_a_pinned_ceiling_stays_bounded() -> None:
    square = np.sign(tone(100, RATE, RATE)).astype(np.float32)
    plugin = RestoreClipping(max_excess_db=6)
    plugin.pin({"kind": "hard", "above": [1.0], "below": [1.0], "share": 1.0})
    restored = plugin(square, RATE)
    assert np.isfinite(restored).all()
    assert np.abs(restored).max() <= 10 ** (6 / 20) * (1 + 1e-6)


def test_it_is_saved_with_what_it_found() -> None:
    again = RestoreClipping.from_dict(PINNED.to_dict())
    assert isinstance(again.analysis, Ceilings)
    np.testing.assert_array_equal(again(HARD, RATE), WHOLE)
    assert again.notes()[0].startswith("hard clipping at -")
