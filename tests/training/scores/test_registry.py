"""What holds for every score: odd pieces of audio, and what a table needs to know of a column."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from signals import noise
from synthetic_music import mix, speech_like

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.scores import registry
from rebounce.training.scores.registry import SCORES, Score

RATE_HZ = 16_000
ALL = pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
AVAILABLE = {name: score for name, score in SCORES.items() if score.is_available()}
INSTALLED = pytest.mark.parametrize("score", AVAILABLE.values(), ids=AVAILABLE)
CHEAP = pytest.mark.parametrize(
    "score", [score for score in SCORES.values() if score.package is None], ids=lambda score: score.name
)
PERFECT = {"snr_db": 120, "si_sdr_db": 120, "erle_db": 120, "pesq": 4.64, "stoi": 1}


@pytest.fixture(scope="module")
def clean() -> Audio:
    """Two seconds in stereo that even PESQ takes for speech, with another noise in each channel."""
    voice = speech_like(2, RATE_HZ)
    return np.concatenate([voice, 0.7 * voice]) + noise(voice.shape[1], seed=2, level=0.01)


@pytest.fixture(scope="module")
def damaged(clean: Audio) -> Audio:
    return clean + noise(clean.shape[1], seed=1, level=0.03)


@INSTALLED
def test_a_copy_is_perfect(score: Score, clean: Audio, damaged: Audio) -> None:
    value = score.function(clean, clean.copy(), RATE_HZ, damaged)
    assert value == pytest.approx(PERFECT.get(score.name, 0), abs=0.01)


@INSTALLED
def test_damage_is_worse_than_a_copy(score: Score, clean: Audio, damaged: Audio) -> None:
    copy, value = (score.function(clean, other, RATE_HZ, damaged) for other in (clean, damaged))
    assert copy is not None
    assert value is not None
    if score.better == "zero":
        assert abs(value) > abs(copy)
    else:
        assert (value < copy) == (score.better == "higher")


@INSTALLED
def test_nothing_is_written_to_what_is_scored(score: Score, clean: Audio, damaged: Audio) -> None:
    pieces = [clean.copy(), (0.9 * damaged).astype(np.float32), damaged.copy()]
    before = [piece.copy() for piece in pieces]
    score.function(pieces[0], pieces[1], RATE_HZ, pieces[2])
    assert all(np.array_equal(piece, old) for piece, old in zip(pieces, before, strict=True))


@INSTALLED
def test_swapping_the_channels_of_both_changes_nothing(score: Score, clean: Audio, damaged: Audio) -> None:
    other = (0.8 * clean + 0.2 * damaged).astype(np.float32)
    straight = score.function(clean, other, RATE_HZ, damaged)
    swapped = score.function(clean[::-1], other[::-1], RATE_HZ, damaged[::-1])
    assert swapped == pytest.approx(straight, rel=1e-5)


@INSTALLED
def test_silence_has_no_score(score: Score, damaged: Audio) -> None:
    silence = np.zeros_like(damaged)
    assert score.function(silence, silence, RATE_HZ, silence) is None
    if score.name != "erle_db":
        assert score.function(silence, damaged, RATE_HZ, damaged) is None


@INSTALLED
@pytest.mark.parametrize("frames", [0, 1, 15, 319])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_pieces_that_are_too_short_are_undefined_or_scored(score: Score, frames: int, channels: int) -> None:
    clean, other = noise(frames, channels, seed=3), noise(frames, channels, seed=4)
    value = score.function(clean, other, RATE_HZ, other)
    assert value is None or np.isfinite(value)
    if frames == 0 or score.name in {"loudness_error_lu", "pesq", "stoi"}:
        assert value is None


@INSTALLED
def test_mono_is_scored_wherever_there_is_no_need_of_two_channels(score: Score, clean: Audio, damaged: Audio) -> None:
    value = score.function(clean[:1], damaged[:1], RATE_HZ, damaged[:1])
    assert (value is None) == (score.name in {"width_error_db", "correlation_error"})


@CHEAP
@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 12_000, 22_050, 62_000, 96_000, 192_000])
def test_any_rate_is_scored(score: Score, rate_hz: int) -> None:
    clean = mix(0.6, rate_hz)
    other = (0.5 * clean + noise(clean.shape[1], level=0.01)).astype(np.float32)
    value = score.function(clean, other, rate_hz, clean * np.float32(0.4))
    assert value is not None
    assert abs(value) > 1e-4


@INSTALLED
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(score: Score, bad: float, damaged: Audio) -> None:
    broken = damaged.copy()
    broken[1, 77] = bad
    for pair in ((broken, damaged), (damaged, broken)):
        with pytest.raises(UsageError, match="channel 1 at frame 77"):
            score.function(*pair, RATE_HZ, damaged)


@INSTALLED
def test_pieces_of_different_shapes_are_refused_with_both_shapes(score: Score) -> None:
    with pytest.raises(UsageError, match=r"\(2, 1000\) and \(2, 999\)"):
        score.function(noise(1000), noise(999), RATE_HZ, noise(1000))
    with pytest.raises(UsageError, match=r"\(2, 1000\) and \(1, 1000\)"):
        score.function(noise(1000), noise(1000, 1), RATE_HZ, noise(1000))


@CHEAP
def test_absurd_levels_give_a_number_or_none(score: Score) -> None:
    loud = noise(9_000, level=1.0) * np.float32(1e30)
    value = score.function(noise(9_000), loud, RATE_HZ, noise(9_000, seed=5))
    assert value is None or np.isfinite(value)


@ALL
def test_a_column_says_what_it_is(score: Score) -> None:
    assert SCORES[score.name] is score
    assert score.title
    assert score.about
    assert not score.unit or score.package or score.name.endswith(f"_{score.unit.lower()}")
    assert ("speech measure" in score.title) == (score.name in {"pesq", "stoi"})


def test_without_the_damaged_input_there_is_no_enhancement(clean: Audio, damaged: Audio) -> None:
    assert [name for name in AVAILABLE if SCORES[name].function(clean, damaged, RATE_HZ) is None] == ["erle_db"]


def test_an_absent_package_leaves_an_empty_column(
    clean: Audio, damaged: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "trouble_with", lambda package: "is not installed")
    missing = [name for name, score in SCORES.items() if not score.is_available()]
    assert missing == ["pesq", "stoi"]
    assert all(SCORES[name].function(clean, damaged, RATE_HZ) is None for name in missing)


def test_the_scores_load_neither_torch_nor_the_slow_part_of_scipy() -> None:
    modules = ("registry", "tokens", "tables", "summary", "confidence")
    code = "".join(f"import rebounce.training.scores.{module}\n" for module in modules)
    code += "import sys; print(*{'torch', 'scipy.signal', 'pesq', 'pystoi', 'pedalboard'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@ALL
def test_every_score_has_a_section_in_the_docs(score: Score) -> None:
    text = (Path(__file__).parents[3] / "docs" / "scores.md").read_text(encoding="utf-8")
    sections = {section.split("\n")[0]: section for section in text.split("\n### ")[1:]}
    section = sections[f"`{score.name}`: {score.title}"]
    for word in ("Range:", "Better:", "Not for"):
        assert word in section
    better = {"higher": "Better: higher", "lower": "Better: lower", "zero": "Better: near 0"}
    assert better[score.better] in section
