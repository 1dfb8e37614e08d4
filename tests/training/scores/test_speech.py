import numpy as np
import pytest
from signals import noise
from synthetic_music import speech_like

from rebounce.engine.audio import Audio
from rebounce.training.scores.speech import LOWEST_PESQ, pesq, stoi

RATE_HZ = 16_000

pesq_package = pytest.importorskip("pesq")
pystoi = pytest.importorskip("pystoi")


def noisy(clean: Audio, level: float = 0.01) -> Audio:
    return clean + noise(clean.shape[1], clean.shape[0], seed=1, level=level)


@pytest.fixture(scope="module")
def speech() -> Audio:
    return speech_like(4, RATE_HZ)


def test_they_are_what_their_packages_say(speech: Audio) -> None:
    other = noisy(speech)
    assert pesq(speech, other, RATE_HZ) == pytest.approx(pesq_package.pesq(RATE_HZ, speech[0], other[0], "wb"))
    assert stoi(speech, other, RATE_HZ) == pytest.approx(pystoi.stoi(speech[0], other[0], RATE_HZ))


def test_more_noise_is_worse(speech: Audio) -> None:
    for score in (pesq, stoi):
        values = [score(speech, noisy(speech, level), RATE_HZ) or 0 for level in (0, 0.003, 0.03, 0.3)]
        assert values == sorted(values, reverse=True)
        assert values[0] > values[-1] + 0.3


def test_stereo_is_mixed_and_resampled_first() -> None:
    clean = np.repeat(speech_like(3, 44_100), 2, axis=0)
    left, right = noise(clean.shape[1], 2, seed=5, level=0.02)
    other = clean + np.stack([left, right])
    mono = (clean + (left + right) / 2)[:1]
    for score in (pesq, stoi):
        assert score(clean, other, 44_100) == pytest.approx(score(clean[:1], mono, 44_100), abs=0.01)


def test_a_long_piece_is_the_mean_of_its_parts() -> None:
    clean = speech_like(22, RATE_HZ)
    other = clean + noise(clean.shape[1], 1, level=0.05) * np.linspace(0, 1, clean.shape[1], dtype=np.float32)
    half = clean.shape[1] // 2
    for score in (pesq, stoi):
        parts = [score(clean[:, part], other[:, part], RATE_HZ) for part in (slice(half), slice(half, None))]
        assert score(clean, other, RATE_HZ) == pytest.approx(np.mean([part or 0 for part in parts]), abs=1e-6)


def test_parts_that_are_silent_in_the_clean_piece_do_not_count(speech: Audio) -> None:
    pause = np.zeros((1, 10 * RATE_HZ), np.float32)
    clean = np.concatenate([speech, pause[:, : 6 * RATE_HZ], pause], axis=1)
    for score in (pesq, stoi):
        first = clean[:, : 10 * RATE_HZ]
        assert score(clean, noisy(clean), RATE_HZ) == score(first, noisy(clean)[:, : 10 * RATE_HZ], RATE_HZ)


def test_silence_in_place_of_speech_is_the_worst_there_is(speech: Audio) -> None:
    silence = np.zeros_like(speech)
    assert pesq(speech, silence, RATE_HZ) == LOWEST_PESQ
    assert stoi(speech, silence, RATE_HZ) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seconds", [0.05, 0.2])
def test_short_pieces_and_anti_phase_have_no_score(seconds: float, speech: Audio) -> None:
    short = speech[:, : round(seconds * RATE_HZ)]
    anti_phase = np.concatenate([speech, -speech])
    for score in (pesq, stoi):
        assert score(short, noisy(short), RATE_HZ) is None
        assert score(anti_phase, noisy(anti_phase), RATE_HZ) is None
