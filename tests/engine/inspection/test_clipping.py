"""The clipping detector names ceilings and curves, and takes no loud music for clipped."""

import numpy as np
import pytest
from scipy import signal
from signals import cut, tone

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.clipping import ClippingDetector
from rebounce.engine.inspection.finding import LEFT, REDUCED, Diagnosis, diagnosed
from rebounce.engine.inspection.soft_curve import FRAME
from rebounce.training.faults.clipping import Clipping
from rebounce.training.music import make_mix

RATE = 44_100
MUSIC = make_mix(7, 8.0, RATE).audio


def diagnosis_of(audio: Audio, sizes: list[int] | None = None, rate_hz: int = RATE) -> Diagnosis:
    return diagnosed(ClippingDetector(rate_hz, audio.shape[0]), cut(audio, sizes or [rate_hz]))


def clipped(audio: Audio = MUSIC, percentile: float = 97.0, kind: str = "hard") -> Audio:
    return Clipping().apply(audio, RATE, {"kind": kind, "percentile": percentile})


@pytest.mark.parametrize("percentile", [90.0, 97.0, 99.7])
def test_a_hard_ceiling_is_found_with_its_numbers(percentile: float) -> None:
    damaged = clipped(percentile=percentile)
    diagnosis = diagnosis_of(damaged)
    (finding,) = diagnosis.findings
    ceiling = np.abs(damaged).max()
    assert finding.action == REDUCED
    assert finding.confidence > 0.9
    assert finding.detail["kind"] == "hard"
    assert finding.detail["ceiling_dbfs"] == pytest.approx(20 * np.log10(ceiling), abs=0.01)
    assert finding.detail["share_percent"] == pytest.approx(100 * np.mean(np.abs(damaged) == ceiling), abs=1e-3)
    assert diagnosis.repair is not None
    assert not diagnosis.repair.wants_analysis()


@pytest.mark.parametrize("percentile", [91.0, 97.0])
def test_a_soft_ceiling_is_read_off_the_spectrum(percentile: float) -> None:
    hard, soft = clipped(percentile=percentile), clipped(percentile=percentile, kind="soft")
    (finding,) = diagnosis_of(soft).findings
    assert finding.detail["kind"] == "soft"
    assert finding.detail["ceiling_dbfs"] == pytest.approx(20 * np.log10(np.abs(hard).max()), abs=0.05)
    assert finding.action == REDUCED


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_what_was_restored_is_found_no_more(kind: str) -> None:
    damaged = clipped(kind=kind)
    repair = diagnosis_of(damaged).repair
    assert repair is not None
    assert diagnosis_of(repair(damaged, RATE)).repair is None


def test_dither_and_a_change_of_level_do_not_hide_a_ceiling() -> None:
    generator = np.random.default_rng(0)
    dither = generator.random(MUSIC.shape) - generator.random(MUSIC.shape)
    damaged = (np.round(0.6 * clipped() * 32_768 + dither) / 32_768).astype(np.float32)
    (finding,) = diagnosis_of(damaged).findings
    assert finding.action == REDUCED


def test_a_ceiling_of_one_channel_and_polarity_leaves_the_others_alone() -> None:
    damaged = MUSIC.copy()
    ceiling = np.percentile(damaged[1], 98).astype(np.float32)
    damaged[1] = np.minimum(damaged[1], ceiling)
    repair = diagnosis_of(damaged).repair
    assert repair is not None
    assert repair.analysis.above == (0, pytest.approx(ceiling, abs=2e-6))
    assert repair.analysis.below == (0, 0)


def steps(seconds: float) -> Audio:
    """Pulse waves with envelopes, as game consoles made them."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave = np.where((times * 523.25) % 1 < 0.25, 1.0, -0.4) * np.ceil(15 * (1 - times % 0.5)) / 15
    return np.stack([wave, wave]).astype(np.float32) * 0.6


@pytest.mark.parametrize(
    "audio",
    [
        MUSIC,
        MUSIC / np.abs(MUSIC).max(),
        np.round(MUSIC / np.abs(MUSIC).max() * 32_767).astype(np.float32) / 32_768,
        make_mix(5, 10.0, RATE).audio,
        tone(30, 4 * RATE, level=1.0),
        np.round(tone(30, 4 * RATE, level=0.999) * 32_767).astype(np.float32) / 32_768,
        np.zeros((2, RATE), dtype=np.float32),
        np.ones((1, 1), dtype=np.float32),
    ],
    ids=["music", "normalised", "16 bits", "a mastered mix", "sine", "sine of 16 bits", "silence", "one frame"],
)
def test_nothing_is_said_of_what_was_not_clipped(audio: Audio) -> None:
    assert diagnosis_of(audio) == Diagnosis()


def test_a_few_peaks_at_full_scale_are_no_fault() -> None:
    loud = MUSIC / np.abs(MUSIC).max()
    loud[:, 1_000::50_000] = 1
    assert diagnosis_of(loud).repair is None


@pytest.mark.parametrize("wave", [np.sign(tone(100, 4 * RATE)).astype(np.float32), steps(4)], ids=["square", "pulses"])
def test_waves_that_are_flat_by_nature_are_left_alone(wave: Audio) -> None:
    diagnosis = diagnosis_of(wave)
    assert diagnosis.repair is None
    assert all(finding.action == LEFT for finding in diagnosis.findings)


def struck_notes(partials: int) -> Audio:
    """Four notes a second that ring on into the next, each a few partials."""
    generator, times = np.random.default_rng(1), np.arange(RATE // 2) / RATE
    music = np.zeros(9 * RATE)
    for number in range(32):
        hz = generator.choice([220, 261.6, 293.7, 329.6, 392, 440])
        note = [np.sin(2 * np.pi * hz * n * times) / n * np.exp(-3 * n * times) for n in range(1, partials + 1)]
        music[number * RATE // 4 :][: times.size] += 0.25 * np.sum(note, axis=0)
    return np.stack([music, music])[:, : 8 * RATE].astype(np.float32)


def voice(pitch_hz: float) -> Audio:
    """A buzz with some vibrato in three formants, syllable by syllable."""
    times = np.arange(8 * RATE) / RATE
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * times) + 0.5 * np.sin(2 * np.pi * 0.4 * times), 0, 1)
    buzz = signal.sawtooth(2 * np.pi * pitch_hz * times + 3 * np.sin(2 * np.pi * 5 * times)) * syllables
    formants = [
        signal.sosfilt(signal.butter(1, (0.93 * hz, 1.07 * hz), "bandpass", fs=RATE, output="sos"), buzz)
        for hz in (600, 1_200, 2_500)
    ]
    return np.stack([0.3 * np.sum(formants, axis=0)] * 2).astype(np.float32)


@pytest.mark.parametrize(
    "audio",
    [struck_notes(3), struck_notes(6), voice(90), voice(240)],
    ids=["three partials", "six partials", "a low voice", "a high voice"],
)
def test_waves_that_an_inverse_seems_to_empty_are_left_alone(audio: Audio) -> None:
    """Their peaks grow under it, and against those the upper spectrum seems to fall."""
    diagnosis = diagnosis_of(audio)
    assert diagnosis.repair is None
    assert all(finding.confidence < 0.5 for finding in diagnosis.findings)


def test_one_moment_alone_proves_no_curve() -> None:
    damaged = MUSIC * np.float32(0.3)
    one = slice(27 * FRAME, 28 * FRAME)
    loud = MUSIC[:, one] / np.abs(MUSIC[:, one]).max()
    damaged[:, one] = 0.9 * np.tanh(2 * loud)
    assert diagnosis_of(damaged).repair is None


def test_music_beyond_all_help_is_told_and_left() -> None:
    diagnosis = diagnosis_of(clipped(percentile=50))
    (finding,) = diagnosis.findings
    assert finding.action == LEFT
    assert finding.detail["share_percent"] > 35
    assert diagnosis.repair is None


@pytest.mark.parametrize("kind", ["hard", "soft"])
@pytest.mark.parametrize("sizes", [[1_000_000], [77, 40_001], [65_536]])
def test_it_does_not_matter_how_the_audio_was_cut(kind: str, sizes: list[int]) -> None:
    damaged = clipped(kind=kind)
    assert diagnosis_of(damaged, sizes).findings == diagnosis_of(damaged).findings
