import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from signals import noise
from synthetic_music import speech_like

from rebounce.engine.audio import Audio
from rebounce.training.scores.speech import pesq, stoi

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
    halves = [(piece[:, :176_000][0], piece[:, 176_000:][0]) for piece in (clean, other)]
    parts = list(zip(*halves, strict=True))
    expected = np.mean([pesq_package.pesq(RATE_HZ, *part, "wb") for part in parts])
    assert pesq(clean, other, RATE_HZ) == pytest.approx(expected, abs=1e-6)
    expected = np.mean([pystoi.stoi(*part, RATE_HZ) for part in parts])
    assert stoi(clean, other, RATE_HZ) == pytest.approx(expected, abs=1e-6)


def test_parts_that_are_silent_in_the_clean_piece_do_not_count(speech: Audio) -> None:
    pause = np.zeros((1, 10 * RATE_HZ), np.float32)
    clean = np.concatenate([speech, pause[:, : 6 * RATE_HZ], pause], axis=1)
    for score in (pesq, stoi):
        first = clean[:, : 10 * RATE_HZ]
        assert score(clean, noisy(clean), RATE_HZ) == score(first, noisy(clean)[:, : 10 * RATE_HZ], RATE_HZ)


def test_silence_in_place_of_speech_is_the_worst_there_is(speech: Audio) -> None:
    silence = np.zeros_like(speech)
    assert pesq(speech, silence, RATE_HZ) == 0.999  # P.862.2: 0.999 + 4 / (1 + exp(...)) with nothing left of the 4
    assert stoi(speech, silence, RATE_HZ) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("level", [1e-3, 0.03, 0.3])
def test_nothing_that_sounds_is_worse_than_silence(level: float, speech: Audio) -> None:
    found = pesq(speech, noise(speech.shape[1], 1, seed=3, level=level), RATE_HZ)
    assert found is not None
    assert 0.999 <= found < 1.04


@pytest.mark.parametrize(("seconds", "is_scored"), [(0.38, False), (0.43, True)])
def test_stoi_needs_about_four_tenths_of_a_second(seconds: float, is_scored: bool) -> None:
    clean = noise(round(seconds * RATE_HZ), 1, seed=4, level=0.1)
    assert (stoi(clean, noisy(clean, 0.02), RATE_HZ) is not None) == is_scored


@pytest.mark.parametrize("frames", [1, 160, 600, 2_000, 6_000])
def test_a_few_milliseconds_have_no_stoi_and_no_error(frames: int) -> None:
    clean = noise(frames, 1, seed=5, level=0.1)
    assert stoi(clean, noisy(clean), RATE_HZ) is None


def test_a_package_that_does_not_load_is_as_good_as_absent(tmp_path: Path) -> None:
    """As after an upgrade of numpy that the package was not built for."""
    (tmp_path / "pesq").mkdir()
    (tmp_path / "pesq" / "__init__.py").write_text("raise ValueError('numpy.dtype size changed\\nand more')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import numpy as np\n"
        "from rebounce.training.scores.registry import SCORES\n"
        "from rebounce.training.evaluation.wording import column_title\n"
        "one = np.ones((1, 16000), np.float32)\n"
        "print(SCORES['pesq'].function(one, one, 16000), SCORES['pesq'].is_available(), column_title('pesq'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    title = "PESQ wide-band (speech measure), MOS (pesq does not load: numpy.dtype size changed)"
    assert done.stdout.strip() == f"None False {title}"


@pytest.mark.parametrize("seconds", [0.05, 0.2])
def test_short_pieces_and_anti_phase_have_no_score(seconds: float, speech: Audio) -> None:
    short = speech[:, : round(seconds * RATE_HZ)]
    anti_phase = np.concatenate([speech, -speech])
    for score in (pesq, stoi):
        assert score(short, noisy(short), RATE_HZ) is None
        assert score(anti_phase, noisy(anti_phase), RATE_HZ) is None
