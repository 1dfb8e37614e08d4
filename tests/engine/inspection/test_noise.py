"""A noise floor is named, turned down to where it is no longer looked for, and left where it is soft."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import signal
from signals import noise
from synthetic_music import mix, with_pauses

from rebounce.engine.audio import Audio
from rebounce.engine.denoise import Denoise
from rebounce.engine.inspection.finding import NOTHING_FOUND, diagnosed
from rebounce.engine.inspection.noise import NoiseDetector

RATE = 44_100


@pytest.fixture(scope="module")
def music() -> Audio:
    return with_pauses(mix(14, RATE), RATE)


def hissed(music: Audio, dbfs: float) -> Audio:
    return music + noise(music.shape[1], seed=9, level=10 ** (dbfs / 20))


@pytest.mark.parametrize("dbfs", [-60.0, -45.0])
def test_noise_is_told_and_turned_down_so_far_that_it_is_left_alone_after(music: Audio, dbfs: float) -> None:
    noisy = hissed(music, dbfs)
    diagnosis = diagnosed(NoiseDetector(RATE, 2), [noisy])
    [finding] = diagnosis.findings
    assert (finding.fault, finding.action) == ("noise", "reduced")
    assert finding.detail["noise_dbfs"] == pytest.approx(dbfs, abs=2)
    assert finding.detail["reduction_db"] == pytest.approx(finding.detail["noise_dbfs"] + 70, abs=2.5)
    assert isinstance(diagnosis.repair, Denoise)
    restored = diagnosis.repair(noisy, RATE)
    assert np.mean((restored - music) ** 2) < 0.7 * np.mean((noisy - music) ** 2)
    assert diagnosed(NoiseDetector(RATE, 2), [restored]).repair is None


def test_soft_noise_is_told_and_left(music: Audio) -> None:
    diagnosis = diagnosed(NoiseDetector(RATE, 2), [hissed(music, -72)])
    [finding] = diagnosis.findings
    assert (finding.fault, finding.action) == ("noise", "left")
    assert diagnosis.repair is None


def test_a_few_seconds_prove_too_little_to_change_anything(music: Audio) -> None:
    diagnosis = diagnosed(NoiseDetector(RATE, 2), [hissed(music, -50)[:, : 10 * RATE]])
    assert [finding.action for finding in diagnosis.findings] == ["left"]
    assert diagnosis.repair is None


def test_noise_that_does_not_reach_the_top_may_be_music_and_is_left(music: Audio) -> None:
    sections = signal.butter(10, 9_000, fs=RATE, output="sos")
    wind = signal.sosfilt(sections, hissed(music, -45) - music).astype(np.float32)
    diagnosis = diagnosed(NoiseDetector(RATE, 2), [music + wind])
    assert [finding.action for finding in diagnosis.findings] == ["left"]
    assert diagnosis.repair is None


def fuzzy_guitar() -> Audio:
    """Chords through a tanh that is driven hard, a little later on the right."""
    times = np.arange(RATE // 2) / RATE
    roots_hz = np.random.default_rng(2).choice([82.4, 98, 110, 123.5], 32)
    chords = [
        np.sum([signal.sawtooth(2 * np.pi * hz * ratio * times) for ratio in (1, 1.498, 2)], axis=0)
        * np.exp(-2 * times)
        for hz in roots_hz
    ]
    guitar = 0.7 * np.tanh(8 * np.concatenate(chords))
    return np.stack([guitar, np.roll(guitar, 700)]).astype(np.float32)


def sequence() -> Audio:
    """Sixteenth notes of a sawtooth at 150 beats a minute, each cut off before the next, and a bass drum."""
    step, generator = RATE // 10, np.random.default_rng(3)
    times = np.arange(9 * step // 10) / RATE
    beat = np.arange(9_000) / RATE
    drum = 0.4 * np.sin(2 * np.pi * (52 * beat + 2 * (1 - np.exp(-50 * beat)))) * np.exp(-9 * beat)
    music = np.zeros(242 * step)
    for number in range(240):
        hz = 110 * 2 ** (generator.choice([0, 3, 5, 7, 10, 12, 15]) / 12)
        note = 0.25 * signal.sawtooth(2 * np.pi * hz * times) * np.exp(-12 * times)
        music[number * step : number * step + note.size] += note
        if number % 4 == 0:
            music[number * step : number * step + drum.size] += drum
    return np.stack([music, music]).astype(np.float32)


def swelling_sea() -> Audio:
    """Noise that comes and goes in ten seconds, over music that is soft above."""
    music = mix(24, RATE)
    dull = signal.sosfilt(signal.butter(8, 3_000, fs=RATE, output="sos"), music)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.1 * np.arange(music.shape[1]) / RATE)
    return np.asarray(dull + noise(music.shape[1], seed=9, level=0.01) * swell, dtype=np.float32)


@pytest.mark.parametrize("sound", [fuzzy_guitar, sequence, swelling_sea])
def test_what_has_a_floor_by_its_nature_is_left(sound: Callable[[], Audio]) -> None:
    diagnosis = diagnosed(NoiseDetector(RATE, 2), [sound()])
    assert [finding.action for finding in diagnosis.findings] == ["left"]
    assert diagnosis.findings[0].confidence < 0.5
    assert diagnosis.repair is None


def test_music_has_none(music: Audio) -> None:
    assert diagnosed(NoiseDetector(RATE, 2), [music]) == NOTHING_FOUND
