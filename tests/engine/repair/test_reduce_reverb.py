"""ReduceReverb takes a plate back and some of any other known tail, little of anything else, and streams."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.auto import Auto
from rebounce.engine.errors import ChainError, PluginError
from rebounce.engine.repair.reduce_reverb import SHARE_OF_GAINS, ReduceReverb
from rebounce.engine.repair.room_estimate import NO_ROOM
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix
from rebounce.training.scores.si_sdr import si_sdr_db

RATE = 44_100
# Level, delay, room size, damping, width.
PLATE = (0.016, 0.012, 0.44, 0.31, 0.7)


def in_a_room(audio: Audio, rate_hz: int = RATE) -> Audio:
    drawn = {"kind": "synthetic", "drr_db": -2.0, "predelay_ms": 15.0, "rt60_s": 1.5, "seed": 5}
    return apply_fault(fault_named("reverb"), audio, rate_hz, drawn)


def on_a_plate(audio: Audio, rate_hz: int = RATE, drr_db: float = 0.0) -> Audio:
    drawn = {"kind": "plate", "drr_db": drr_db, "predelay_ms": 12.0, "room_size": 0.4, "damping": 0.4, "width": 0.8}
    return apply_fault(fault_named("reverb"), audio, rate_hz, drawn)


def needing(audio: Audio, rate_hz: int = RATE, strength: float = 1.0) -> ReduceReverb:
    """One that is told to do all it can."""
    plugin = ReduceReverb(strength=strength)
    plugin.analyse([audio], rate_hz)
    plugin.analysis = replace(plugin.analysis, need=1.0)
    return plugin


@pytest.fixture(scope="module")
def clean() -> Audio:
    return make_mix(7, 10.0, RATE).audio


@pytest.fixture(scope="module")
def wet(clean: Audio) -> Audio:
    return in_a_room(clean)


def test_a_known_tail_is_reduced(clean: Audio, wet: Audio) -> None:
    before, after = si_sdr_db(clean, wet), si_sdr_db(clean, needing(wet)(wet, RATE))
    assert before is not None
    assert after is not None
    assert after > before + 0.2


def test_a_plate_is_taken_back(clean: Audio) -> None:
    damaged = on_a_plate(clean)
    plugin = ReduceReverb()
    before, after = si_sdr_db(clean, damaged), si_sdr_db(clean, plugin(damaged, RATE))
    assert before is not None
    assert after is not None
    assert after > before + 8
    assert plugin.analysis.plate
    assert ReduceReverb.from_dict(plugin.to_dict()).analysis == plugin.analysis
    (note,) = plugin.notes()
    assert note.startswith("a plate 12 ms after the mix")
    assert note.endswith(": taken away")


def test_what_a_plate_was_taken_from_has_none_left(clean: Audio) -> None:
    restored = ReduceReverb()(on_a_plate(clean, drr_db=3.0), RATE)
    plugin = ReduceReverb()
    plugin.analyse([restored], RATE)
    assert plugin.analysis.plate == ()


@settings(max_examples=2, deadline=None)
@given(sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=3), channels=st.integers(1, 2))
def test_a_plate_is_taken_back_in_blocks_of_any_size(sizes: list[int], channels: int) -> None:
    plugin = ReduceReverb()
    plugin.analysis = replace(NO_ROOM, plate=(0.02, 0.012, 0.4, 0.4, 0.8))
    plugin.keep_analysis()
    audio = noise(15 * 8_000 + 77, channels)
    whole = plugin(audio, 8_000)
    pieces = [plugin.process(block, 8_000, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, plugin.flush()], axis=1), whole)
    assert not np.array_equal(whole, audio)


@pytest.mark.parametrize("rate_hz", [22_050, 96_000])
def test_so_it_is_at_other_rates(rate_hz: int) -> None:
    dry = make_mix(7, 6.0, rate_hz).audio
    damaged = in_a_room(dry, rate_hz)
    before, after = si_sdr_db(dry, damaged), si_sdr_db(dry, needing(damaged, rate_hz)(damaged, rate_hz))
    assert before is not None
    assert after is not None
    assert after > before + 0.05


def test_after_the_music_stops_the_room_falls_faster(clean: Audio) -> None:
    stopped = clean.copy()
    stopped[:, 6 * RATE :] = 0
    ringing = in_a_room(stopped)
    made = needing(ringing, strength=1)(ringing, RATE)
    tail = slice(int(6.1 * RATE), int(6.6 * RATE))
    fall_db = 10 * np.log10(np.mean(made[:, tail] ** 2) / np.mean(ringing[:, tail] ** 2))
    played_db = 10 * np.log10(np.mean(made[:, : 6 * RATE] ** 2) / np.mean(ringing[:, : 6 * RATE] ** 2))
    assert fall_db < played_db - 0.3


def test_more_strength_takes_more(wet: Audio) -> None:
    taken = [np.mean((needing(wet, strength=strength)(wet, RATE) - wet) ** 2) for strength in (0.2, 0.5, 1.0)]
    assert taken[0] < taken[1] < taken[2]


def test_where_no_room_is_found_nothing_changes(wet: Audio) -> None:
    plugin = needing(wet)
    plugin.analysis = replace(plugin.analysis, need=0.0)
    np.testing.assert_array_equal(plugin(wet, RATE), wet)
    assert plugin.notes() == ["no reverberation that can be told from the music: left alone"]


@pytest.mark.parametrize(
    "audio",
    [np.zeros((2, 9 * RATE), dtype=np.float32), noise(2 * RATE), noise(319), noise(1), noise(0)],
    ids=["silence", "two seconds", "319 frames", "one frame", "no frames"],
)
def test_what_is_too_short_or_silent_leaves_bit_identical(audio: Audio) -> None:
    np.testing.assert_array_equal(ReduceReverb(strength=1)(audio, RATE), audio)


def test_no_strength_is_no_change(wet: Audio) -> None:
    np.testing.assert_array_equal(ReduceReverb(strength=0)(wet, RATE), wet)


def test_the_note_says_what_room_it_was(wet: Audio) -> None:
    plugin = needing(wet)
    (note,) = plugin.notes()
    assert f"{plugin.analysis.rt60_s:.1f} s" in note
    assert note.endswith(f"reduced at {100 * SHARE_OF_GAINS:.0f} %")


@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(wet: Audio, sizes: list[int], channels: int) -> None:
    plugin = needing(wet)
    audio = noise(3 * RATE + 77, channels)
    whole = plugin(audio, RATE)
    pieces = [plugin.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, plugin.flush()], axis=1), whole)
    assert not np.array_equal(whole, audio)


def test_silence_in_a_channel_and_after_the_music_stays_silent(wet: Audio) -> None:
    plugin = needing(wet)
    mono = np.concatenate([wet[:1], wet[:1]])
    mono[:, 5 * RATE : 7 * RATE] = 0
    left, right = plugin(mono, RATE)
    np.testing.assert_array_equal(left, right)
    assert not left[int(5.2 * RATE) : int(6.8 * RATE)].any()


@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
@pytest.mark.parametrize(
    "audio",
    [tone(440, 2 * RATE), noise(2 * RATE, level=1e-12), noise(2 * RATE, level=1e12), noise(2 * RATE, 6)],
    ids=["sine", "faint", "huge", "six channels"],
)
def test_odd_signals_come_back_as_numbers(wet: Audio, audio: Audio, rate_hz: int) -> None:
    made = needing(wet)(audio, rate_hz)
    assert made.shape == audio.shape
    assert np.isfinite(made).all()


def test_it_is_saved_with_what_it_found(wet: Audio) -> None:
    plugin = needing(wet)
    again = ReduceReverb.from_dict(plugin.to_dict())
    np.testing.assert_array_equal(again(wet, RATE), plugin(wet, RATE))


def chain_with(plate: tuple[float, ...]) -> dict[str, object]:
    plugin = ReduceReverb()
    plugin.analysis = replace(NO_ROOM, plate=PLATE)
    plugin.keep_analysis()
    table = plugin.to_dict()
    return table | {"analysis": table["analysis"] | {"plate": list(plate)}}


@pytest.mark.parametrize(
    "plate", [PLATE[:1], (*PLATE, 0.0), (1e30, *PLATE[1:]), (0.016, 1e9, 0.4, 0.3, 0.7), (0.016, 0.01, 5.0, 0.3, 0.7)]
)
def test_a_plate_that_cannot_be_is_refused_by_name(plate: tuple[float, ...]) -> None:
    with pytest.raises(ChainError, match=r"plate = .*expected the level"):
        ReduceReverb.from_dict(chain_with(plate))


def test_a_chain_from_before_plates_were_known_still_loads() -> None:
    table = chain_with(PLATE)
    analysis = table["analysis"]
    assert isinstance(analysis, dict)
    del analysis["plate"]
    assert ReduceReverb.from_dict(table).analysis == NO_ROOM


def test_a_plate_of_a_pair_is_not_taken_from_more_channels() -> None:
    with pytest.raises(PluginError, match="the audio has 3"):
        ReduceReverb.from_dict(chain_with(PLATE))(noise(RATE, 3), RATE)


def test_digital_black_before_and_within_stays_black(clean: Audio) -> None:
    before, within = slice(0, RATE), slice(4 * RATE, 5 * RATE)
    wet = np.concatenate([np.zeros((2, RATE), dtype=np.float32), on_a_plate(clean)], axis=1)
    wet[:, within] = 0
    restored = ReduceReverb.from_dict(chain_with(PLATE))(wet, RATE)
    assert not restored[:, before].any()
    assert not restored[:, within].any()
    assert restored[:, 2 * RATE : 3 * RATE].any(axis=0).mean() > 0.99


def test_a_room_is_not_drawn_into_digital_black(wet: Audio) -> None:
    gapped = wet.copy()
    gapped[:, 4 * RATE : 5 * RATE] = 0
    restored = needing(gapped)(gapped, RATE)
    assert not restored[:, 4 * RATE : 5 * RATE].any()
    assert np.abs(restored - gapped).max() > 1e-3


def test_a_room_without_its_bands_is_refused() -> None:
    with pytest.raises(ChainError, match="levels_db"):
        replace(NO_ROOM, need=1.0)


def test_auto_leaves_the_plate_that_a_pad_was_sent_to() -> None:
    ambient = make_mix(13, 20.0, RATE).audio
    plugin = Auto()
    assert np.array_equal(plugin(ambient, RATE), ambient)
    assert any("turned up what was only to be softer" in note for note in plugin.notes())
