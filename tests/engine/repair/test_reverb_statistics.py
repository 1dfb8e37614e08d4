"""Statistics of rise and fall tell a long tail from a short one, however the audio was cut."""

import numpy as np
import pytest
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.repair.reverb_statistics import RoomStatistics, room_of
from rebounce.engine.repair.room_estimate import NO_ROOM, estimate_of
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix

RATE = 44_100


def told(audio: Audio) -> RoomStatistics:
    statistics = room_of([audio], RATE)
    assert statistics is not None
    return statistics


def in_a_room(audio: Audio, rt60_s: float, drr_db: float) -> Audio:
    drawn = {"kind": "synthetic", "drr_db": drr_db, "predelay_ms": 10.0, "rt60_s": rt60_s, "seed": 5}
    return apply_fault(fault_named("reverb"), audio, RATE, drawn)


@pytest.fixture(scope="module")
def music() -> Audio:
    return make_mix(7, 12.0, RATE).audio


def test_any_cut_gives_the_same_numbers(music: Audio) -> None:
    pieces = room_of(cut(music, [1, 4_000, 90_000]), RATE)
    assert pieces is not None
    np.testing.assert_array_equal(pieces.means, told(music).means)
    np.testing.assert_array_equal(pieces.described, told(music).described)


def test_means_are_the_power_of_each_band() -> None:
    audio = noise(5 * RATE, 1, level=0.1)
    means = told(audio).means
    # The window takes half of the power, and the other half of the spectrum is the same once more.
    assert means[0].sum() == pytest.approx(0.01 / 4, rel=0.05)


def test_a_longer_and_a_louder_tail_are_told_from_a_short_and_soft_one(music: Audio) -> None:
    short, long, soft = (estimate_of(told(in_a_room(music, *room))) for room in ((0.3, -3.0), (2.5, -3.0), (2.5, 12.0)))
    assert long.rt60_s > short.rt60_s
    assert long.drr_db < soft.drr_db
    assert long.chance > soft.chance
    assert long.need >= soft.need


@pytest.mark.parametrize("level", [0.1, 4.0])
def test_the_level_hardly_matters(music: Audio, level: float) -> None:
    quiet, usual = estimate_of(told(music * np.float32(level))), estimate_of(told(music))
    assert quiet.rt60_s == pytest.approx(usual.rt60_s, rel=0.15)
    assert quiet.drr_db == pytest.approx(usual.drr_db, abs=1)


@pytest.mark.parametrize(
    "audio",
    [np.zeros((2, 9 * RATE), dtype=np.float32), noise(2 * RATE), noise(1), noise(0)],
    ids=["silence", "two seconds", "one frame", "no frames"],
)
def test_what_is_too_short_or_silent_has_no_room(audio: Audio) -> None:
    assert estimate_of(room_of([audio], RATE)) == NO_ROOM


def test_no_blocks_have_no_room() -> None:
    assert estimate_of(room_of([], RATE)) == NO_ROOM
