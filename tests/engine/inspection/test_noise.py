"""A noise floor is named, turned down to where it is no longer looked for, and left where it is soft."""

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


def test_music_has_none(music: Audio) -> None:
    assert diagnosed(NoiseDetector(RATE, 2), [music]) == NOTHING_FOUND
