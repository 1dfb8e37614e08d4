"""A plate over all of a mix is found with its numbers; without one, or with one on some voices alone, none is."""

import numpy as np
import pytest
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.repair.plate import Plate
from rebounce.engine.repair.plate_fit import ripple_of
from rebounce.engine.repair.plate_meter import PlateMeter
from rebounce.engine.repair.plate_search import LEAST_SCORE, mark_in, search_plate
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix

RATE = 44_100
DRAWN = {"kind": "plate", "drr_db": 3.0, "predelay_ms": 12.0, "room_size": 0.45, "damping": 0.3, "width": 0.8}


def bursts(seconds: float, rate_hz: int = RATE, channels: int = 2) -> Audio:
    """Noise of its own in each quarter of a second, some of it in both channels."""
    frames = round(seconds * rate_hz)
    falling = np.exp(-8 * (np.arange(frames) / rate_hz % 0.25)).astype(np.float32)
    both = noise(frames, 1, seed=1) + 0.5 * noise(frames, channels, seed=2)
    return np.asarray(both * falling, dtype=np.float32)


def found(audio: Audio, rate_hz: int = RATE, sizes: tuple[int, ...] = (50_000,)) -> Plate | None:
    meter = PlateMeter(rate_hz, len(audio))
    for block in cut(audio, list(sizes)):
        meter.see(block)
    return search_plate(meter.spectrum())


def on_a_plate(audio: Audio, rate_hz: int = RATE, **given: float) -> Audio:
    return apply_fault(fault_named("reverb"), audio, rate_hz, DRAWN | given)


@pytest.mark.parametrize("drr_db", [-3.0, 3.0, 9.0])
def test_its_numbers_are_found(drr_db: float) -> None:
    plate = found(on_a_plate(bursts(20), drr_db=drr_db))
    assert plate is not None
    assert plate.late_s == pytest.approx(round(0.012 * RATE) / RATE)
    assert plate.room_size == pytest.approx(0.45, abs=0.05)
    assert plate.damping == pytest.approx(0.3, abs=0.05)
    assert plate.width == pytest.approx(0.8, abs=0.15)


def test_the_louder_plate_has_the_higher_level() -> None:
    loud, soft = (found(on_a_plate(bursts(12), drr_db=drr_db)) for drr_db in (0.0, 6.0))
    assert loud is not None
    assert soft is not None
    assert loud.level / soft.level == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 2), (44_100, 1), (48_000, 1), (96_000, 2)])
def test_so_they_are_at_other_rates_and_in_one_channel(rate_hz: int, channels: int) -> None:
    plate = found(on_a_plate(bursts(12, rate_hz, channels), rate_hz), rate_hz)
    assert plate is not None
    assert plate.room_size == pytest.approx(0.45, abs=0.1)
    assert (plate.width > 0.6) == (channels == 2)


def test_any_cut_gives_the_same_plate() -> None:
    audio = on_a_plate(bursts(11.3))
    plates = [found(audio, sizes=sizes) for sizes in ((1_000_000,), (1, 333, 90_000))]
    assert plates[0] is not None
    assert plates[0] == plates[1]


def test_five_seconds_are_enough() -> None:
    assert found(on_a_plate(bursts(5))) is not None


@pytest.mark.parametrize("kind", ["synthetic", "decay"])
def test_another_kind_of_room_is_none(kind: str) -> None:
    drawn = {"kind": kind, "drr_db": -3.0, "predelay_ms": 12.0, "rt60_s": 1.0, "decay_s": 0.3, "length_ms": 300.0}
    damaged = apply_fault(fault_named("reverb"), bursts(12), RATE, drawn | {"seed": 3})
    assert found(damaged) is None


def test_a_plate_that_some_voices_of_a_mix_were_sent_to_is_the_musics_own() -> None:
    mix = make_mix(6, 12.0, RATE).audio
    meter = PlateMeter(RATE, 2)
    meter.see(mix)
    spectrum = meter.spectrum()
    assert spectrum is not None
    assert mark_in(ripple_of(spectrum), spectrum).score > LEAST_SCORE
    assert search_plate(spectrum) is None


@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, 9 * RATE), dtype=np.float32),
        np.full((2, 9 * RATE), 0.5, dtype=np.float32),
        tone(440, 9 * RATE),
        noise(9 * RATE, level=1e12),
        noise(9 * RATE, level=1e-12),
        noise(9 * RATE, 1),
        noise(9 * RATE, 3),
        noise(1),
        noise(0),
    ],
    ids=["silence", "DC", "sine", "huge", "tiny", "one channel", "three channels", "one frame", "no frames"],
)
def test_odd_signals_have_none(audio: Audio, rate_hz: int) -> None:
    assert found(audio, rate_hz) is None
