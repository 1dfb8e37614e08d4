"""A known plate is taken back from one channel and from a pair, up to the end of the file."""

import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.repair.plate import SIDES, Plate, heard
from rebounce.engine.repair.plate_inverse import PlateInverse
from rebounce.engine.repair.reverb_bands import rows_of
from rebounce.engine.repair.two_sided import two_sided_timing
from rebounce.training.scores.si_sdr import si_sdr_db

RATE = 8_000
SOFT = Plate(level=0.006, late_s=0.01, room_size=0.2, damping=0.5, width=0.8)
LOUD = Plate(level=0.04, late_s=0.02, room_size=0.3, damping=0.3, width=0.5)


def on_a_plate(audio: Audio, plate: Plate) -> Audio:
    size = 4 * audio.shape[1]
    turns = np.linspace(0, np.pi, size // 2 + 1)
    rows = rows_of(audio)
    spectrum = np.fft.rfft(rows[0], size)
    added = [np.fft.irfft(spectrum * part, size) for part in heard(plate, turns, RATE, len(audio))]
    wet = rows.copy()
    for row in range(len(rows)):
        wet[row] += added[row][: audio.shape[1]].astype(np.float32)
    return rows_of(wet)


def in_the_window(audio: Audio) -> Audio:
    timing = two_sided_timing(RATE)
    window = np.zeros((len(audio), timing.window_frames), dtype=np.float32)
    window[:, timing.before_frames : timing.before_frames + audio.shape[1]] = audio
    return window


@pytest.mark.parametrize("channels", [1, SIDES])
@pytest.mark.parametrize(("plate", "least_db"), [(SOFT, 35), (LOUD, 14)])
def test_a_known_plate_goes(plate: Plate, least_db: float, channels: int) -> None:
    clean = noise(8 * RATE, channels)
    made = PlateInverse(plate, 1.0, RATE, channels)(in_the_window(on_a_plate(clean, plate)))
    after = si_sdr_db(clean, made[:, : clean.shape[1]])
    assert after is not None
    assert after > least_db


def test_strength_is_the_share_that_goes() -> None:
    window = in_the_window(noise(5 * RATE))
    none, half, full = (PlateInverse(LOUD, strength, RATE, 2)(window) for strength in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(half, (none + full) / 2, atol=1e-6)
    np.testing.assert_array_equal(none[:, : 5 * RATE], window[:, 12 * RATE : 17 * RATE])


def test_what_is_only_in_the_side_never_went_through_it() -> None:
    one = noise(5 * RATE, 1)
    side = np.concatenate([one, -one])
    made = PlateInverse(LOUD, 1.0, RATE, 2)(in_the_window(side))
    np.testing.assert_allclose(made[:, : 5 * RATE], side, atol=1e-6)


def test_silence_comes_back_as_it_is() -> None:
    silence = in_the_window(np.zeros((2, 10), dtype=np.float32))
    assert not PlateInverse(LOUD, 1.0, RATE, 2)(silence).any()
