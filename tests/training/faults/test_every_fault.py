"""What holds of every fault that needs nothing from outside: a plugin of the user's own is the one exception."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters, Undoable, apply_fault, draw_fault
from rebounce.training.faults.ranges import Choice, Range, Span
from rebounce.training.faults.registry import FAULTS, fault_named

NAMES = [name for name in FAULTS if name != "vst3"]
RATE = 44_100

HOLDS_PEAKS_DOWN = ("clipping", "limiting")

# A threshold in dBFS and an encoder's model of hearing are about levels; the rest goes by the audio.
GOES_BY_LEVEL = ("compression", "mp3")


def drawn(name: str, seed: int = 0) -> Parameters:
    return draw_fault(fault_named(name), np.random.default_rng(seed))


def damaged(name: str, audio: Audio, rate: int = RATE, seed: int = 0) -> Audio:
    return apply_fault(fault_named(name), audio, rate, drawn(name, seed))


def values(parameters: Any) -> Iterator[tuple[str, Any]]:
    """Every number, text and flag in the parameters with its name."""
    for one in parameters if isinstance(parameters, list) else [parameters]:
        for key, value in one.items() if isinstance(one, dict) else ():
            if isinstance(value, dict | list):
                yield from values(value)
            else:
                yield key, value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_the_same_parameters_do_the_same_again_and_leave_the_input_alone(name: str, seed: int) -> None:
    audio = noise(30_000)
    kept = audio.copy()
    first = damaged(name, audio, seed=seed)
    assert not np.may_share_memory(first, audio)
    assert np.array_equal(first, damaged(name, audio, seed=seed))
    assert np.array_equal(audio, kept)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 319, 48_001])
def test_the_shape_stays(name: str, channels: int, frames: int) -> None:
    made = damaged(name, noise(frames, channels))
    assert made.shape == (channels, frames)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_will_do(name: str, rate: int) -> None:
    audio = noise(rate // 4 + 1)
    made = damaged(name, audio, rate, seed=1)
    assert made.shape == audio.shape
    assert np.isfinite(made).all()
    assert made.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_silence_stays_silence(name: str, seed: int) -> None:
    silence = np.zeros((2, 20_000), dtype=np.float32)
    made = damaged(name, silence, seed=seed)
    assert np.abs(made).max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_one_silent_channel_gives_no_nonsense(name: str) -> None:
    audio = noise(20_000)
    audio[1] = 0
    assert np.isfinite(damaged(name, audio)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_parameters_are_what_json_can_hold(name: str, seed: int) -> None:
    audio = noise(20_000)
    parameters = drawn(name, seed)
    read = json.loads(json.dumps(parameters, allow_nan=False))
    assert read == parameters
    fault = fault_named(name)
    assert np.array_equal(apply_fault(fault, audio, RATE, read), apply_fault(fault, audio, RATE, parameters))


@pytest.mark.parametrize("name", NAMES)
def test_only_the_seed_decides_what_is_drawn(name: str) -> None:
    assert drawn(name, 3) == drawn(name, 3)
    assert len({json.dumps(drawn(name, seed)) for seed in range(30)}) > 3


def is_within(value: Any, spec: Range) -> bool:
    """None is what a fault does without this time."""
    if value is None:
        return True
    if isinstance(spec, Span):
        return bool(spec.drawn[0] <= value <= spec.drawn[1])
    return not isinstance(spec, Choice) or value in spec.drawn


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_lies_within_the_ranges(name: str) -> None:
    ranges: Mapping[str, Range] = fault_named(name).ranges
    seen = [(key, value) for seed in range(30) for key, value in values(drawn(name, seed)) if key in ranges]
    assert seen
    assert [(key, value) for key, value in seen if not is_within(value, ranges[key])] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_fault_draws_by_itself_a_recipe_may_say_too(name: str) -> None:
    for key, spec in fault_named(name).ranges.items():
        said = list(spec.drawn) if isinstance(spec, Span | Choice) else spec.drawn
        assert spec.resolve(key, said) == spec.drawn


@pytest.mark.parametrize("name", [name for name in NAMES if name not in HOLDS_PEAKS_DOWN])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_clipped_by_accident(name: str, seed: int) -> None:
    audio = noise(30_000)
    audio *= np.float32(3) / np.abs(audio).max()
    assert np.abs(damaged(name, audio, seed=seed)).max() > 1.2


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GOES_BY_LEVEL])
@pytest.mark.parametrize("seed", range(3))
def test_half_the_level_in_is_half_the_level_out(name: str, seed: int) -> None:
    audio = noise(20_000)
    whole, half = damaged(name, audio, seed=seed), damaged(name, audio * np.float32(0.5), seed=seed)
    np.testing.assert_allclose(half, whole / 2, atol=1e-5 * np.abs(whole).max())


def lag_frames(audio: Audio, made: Audio) -> int:
    """Where the cross-correlation of the sums of all channels is largest."""
    size = 2 * audio.shape[1]
    spectra = [np.fft.rfft(one.sum(axis=0), size) for one in (made, audio)]
    return int((np.argmax(np.fft.irfft(spectra[0] * spectra[1].conj())) + size // 2) % size - size // 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_late(name: str, rate: int, seed: int) -> None:
    audio = noise(rate)
    assert lag_frames(audio, damaged(name, audio, rate, seed)) == 0


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(fault_named(name), Undoable)])
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_undone_it_is_close_to_the_input(name: str, rate: int) -> None:
    audio, fault = noise(30_000), fault_named(name)
    assert isinstance(fault, Undoable)
    errors = []
    for seed in range(8):
        undone = fault.undo(damaged(name, audio, rate, seed), rate, drawn(name, seed))
        if undone is not None:
            errors.append(np.std(undone - audio) / np.std(audio))
    assert errors
    assert max(errors) < 1e-3
