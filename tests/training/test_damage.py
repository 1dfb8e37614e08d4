import json

import numpy as np
import pytest
from signals import noise

from rebounce.engine.errors import UsageError
from rebounce.training.damage import Applied, Damage, apply_damage, damage_from_data, damage_to_data, undo_damage

RATE = 44_100
HALF = Applied(fault="gain", parameters={"gain_db": 20 * float(np.log10(0.5))})
CLIPPED = Applied(fault="clipping", parameters={"kind": "hard", "ceiling_dbfs": -6.0})
RIDE = Applied(
    fault="level_ride",
    parameters={
        "sections": [
            {"gain_db": -6.0, "section_s": 0.1, "transition_ms": 20.0},
            {"gain_db": 3.0, "section_s": 1.0, "transition_ms": 50.0},
        ]
    },
)
ECHO = Applied(
    fault="echo",
    parameters={"pattern": "taps", "taps": [{"delay_ms": 20.0, "gain": 0.5}], "lowpass_hz": None},
)


def test_no_damage_is_a_copy() -> None:
    audio = noise(1_000)
    made = apply_damage(audio, RATE, ())
    assert np.array_equal(made, audio)
    assert not np.may_share_memory(made, audio)


def test_faults_are_applied_in_their_order() -> None:
    audio = noise(5_000, level=0.5)
    ceiling = np.float32(10 ** (-6 / 20))
    softer_first = apply_damage(audio, RATE, (HALF, CLIPPED))
    clipped_first = apply_damage(audio, RATE, (CLIPPED, HALF))
    np.testing.assert_allclose(softer_first, np.clip(audio * 0.5, -ceiling, ceiling), atol=1e-6)
    np.testing.assert_allclose(clipped_first, np.clip(audio, -ceiling, ceiling) * 0.5, atol=1e-6)
    assert np.abs(clipped_first).max() < 0.6 * np.abs(softer_first).max()


@pytest.mark.parametrize("damage", [(RIDE, ECHO), (ECHO, RIDE), (HALF, ECHO, RIDE, ECHO)])
def test_undone_in_reverse_order_it_is_what_it_was(damage: Damage) -> None:
    audio = noise(20_000)
    kept = audio.copy()
    damaged = apply_damage(audio, RATE, damage)
    restored = undo_damage(damaged, RATE, damage)
    assert restored is not None
    np.testing.assert_allclose(restored, audio, atol=1e-5)
    assert np.array_equal(audio, kept)


def test_undone_in_the_same_order_it_is_not() -> None:
    audio = noise(20_000)
    wrong = undo_damage(apply_damage(audio, RATE, (RIDE, ECHO)), RATE, (ECHO, RIDE))
    assert wrong is not None
    assert np.abs(wrong - audio).max() > 1e-2


def test_nothing_to_undo_is_the_audio_itself() -> None:
    audio = noise(100)
    restored = undo_damage(audio, RATE, ())
    assert restored is not None
    assert np.array_equal(restored, audio)


@pytest.mark.parametrize("damage", [(CLIPPED,), (HALF, CLIPPED, ECHO)])
def test_one_fault_that_cannot_be_taken_back_is_enough_for_none(damage: Damage) -> None:
    assert undo_damage(noise(1_000), RATE, damage) is None


def test_an_echo_that_may_not_be_stable_to_undo_is_left() -> None:
    taps = [{"delay_ms": 20.0, "gain": 0.6}, {"delay_ms": 31.0, "gain": 0.6}]
    loud = Applied(fault="echo", parameters={"pattern": "taps", "taps": taps, "lowpass_hz": None})
    assert undo_damage(noise(1_000), RATE, (HALF, loud)) is None


def test_as_data_it_goes_through_json_and_does_the_same() -> None:
    audio, damage = noise(9_000), (RIDE, CLIPPED, ECHO, HALF)
    data = json.loads(json.dumps(damage_to_data(damage), allow_nan=False))
    assert [item["fault"] for item in data] == ["level_ride", "clipping", "echo", "gain"]
    assert damage_from_data(data) == damage
    assert np.array_equal(apply_damage(audio, RATE, damage_from_data(data)), apply_damage(audio, RATE, damage))
    assert damage_from_data(damage_to_data(())) == ()


def test_a_fault_that_there_is_not_is_an_error() -> None:
    with pytest.raises(UsageError, match="expected the name of a fault, found 'ekko'"):
        apply_damage(noise(100), RATE, damage_from_data([{"fault": "ekko", "parameters": {}}]))
