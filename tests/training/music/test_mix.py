"""The music maker as a whole: mixes that are reproducible, stereo, clean, and within what real music measures."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.music import STEMS, STYLES, Mix, make_mix, premix
from rebounce.training.music.bus import PEAK_DBFS, SILENCE_S, through_bus
from rebounce.training.music.score import LEAD_IN_S
from rebounce.training.music.statistics import measure

RATE = 44_100
ROOT = Path(__file__).parents[3]


def level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-20))


def test_the_same_seed_gives_the_same_samples_and_another_seed_another_piece() -> None:
    one, again, other = (make_mix(seed, seconds=6.0) for seed in (3, 3, 4))
    assert np.array_equal(one.audio, again.audio)
    assert all(np.array_equal(one.stems[name], again.stems[name]) for name in STEMS)
    assert one.bus == again.bus != other.bus
    assert abs(np.corrcoef(one.audio[0], other.audio[0])[0, 1]) < 0.5


def test_seeds_come_to_every_style() -> None:
    assert {make_mix(seed, 5.0, 16_000).score.style.name for seed in range(24)} == set(STYLES)


@pytest.mark.parametrize(("seconds", "rate"), [(5.0, 44_100), (7.3, 48_000), (6.0, 16_000), (5.0, 192_000)])
def test_length_shape_and_rate_are_as_asked(seconds: float, rate: int) -> None:
    mix = make_mix(1, seconds=seconds, sample_rate_hz=rate)
    assert mix.audio.shape == (2, round(seconds * rate))
    assert mix.audio.dtype == np.float32
    assert all(stem.shape == mix.audio.shape for stem in mix.stems.values())
    assert np.all(np.isfinite(mix.audio))


def test_every_number_lies_within_that_of_real_music(mix: Mix) -> None:
    real = json.loads((ROOT / "benchmarks" / "results" / "real_music.json").read_text(encoding="utf-8"))["quantities"]
    found = asdict(measure(mix.audio, RATE))
    outside = {name: value for name, value in found.items() if not real[name]["p5"] <= value <= real[name]["p95"]}
    assert outside == {}


def test_the_peak_is_always_the_same_and_there_is_no_direct_current(mix: Mix) -> None:
    assert 20 * np.log10(np.abs(mix.audio).max()) == pytest.approx(PEAK_DBFS, abs=0.01)
    assert np.abs(mix.audio.mean(axis=1, dtype=np.float64)).max() < 1e-3


def test_choruses_are_louder_than_breaks(mix: Mix) -> None:
    levels = {name: level_db(mix.audio[:, start:end]) for name, start, end in mix.section_frames()}
    assert levels["chorus"] > levels["break"] + 1.0


def test_the_stems_sum_to_what_goes_through_the_bus(mix: Mix) -> None:
    assert np.array_equal(through_bus(premix(mix.stems), RATE, mix.bus), mix.audio)
    total = sum(stem.astype(np.float64) for stem in mix.stems.values())
    assert np.abs(total - premix(mix.stems)).max() < 1e-5


def test_every_stem_carries_sound(mix: Mix) -> None:
    assert set(mix.stems) == set(STEMS)
    assert all(level_db(stem) > level_db(premix(mix.stems)) - 30.0 for stem in mix.stems.values())


def test_it_begins_and_ends_in_silence_and_stops_before_what_follows_a_break(mix: Mix) -> None:
    # A singer's first consonant comes a little before the beat.
    assert not np.any(mix.audio[:, : int((LEAD_IN_S - 0.1) * RATE)])
    assert not np.any(mix.audio[:, mix.audio.shape[1] - int(SILENCE_S * RATE) + 2 :])
    names = [name for name, _, _ in mix.section_frames()]
    end = next(end for name, _, end in mix.section_frames() if name == "break")
    pause = mix.audio[:, end - int(0.15 * RATE) : end - int(0.03 * RATE)]
    if names[-1] != "break":
        assert level_db(pause) < level_db(mix.audio[:, end : end + RATE]) - 3.0


def test_its_spectrum_reaches_the_top(mix: Mix) -> None:
    power = np.mean(np.abs(np.fft.rfft(mix.audio.astype(np.float64), axis=1)) ** 2, axis=0)
    frequency_hz = np.fft.rfftfreq(mix.audio.shape[1], 1 / RATE)
    assert power[frequency_hz > 16_000].sum() / power.sum() > 1e-6


def test_nothing_clicks_where_only_soft_sounds_play(mix: Mix) -> None:
    # A bass is filtered far below 16 kHz, a plucked chord a little below: more up there could only be a step.
    for name, share in (("bass", 0.004), ("chords", 0.02)):
        whole = mix.stems[name][0].astype(np.float64) * signal.windows.tukey(mix.audio.shape[1], 0.05)
        spectrum = np.fft.rfft(whole)
        spectrum[: round(16_000 * 24.0)] = 0
        assert np.abs(np.fft.irfft(spectrum)).max() < share * np.abs(whole).max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "polka"}, "music style 'polka': expected one of ambient, club, folk, hiphop, pop, rock, soul"),
        ({"seconds": 1.0}, "expected at least 5 s"),
        ({"seconds": float("nan")}, "expected at least 5 s"),
        ({"sample_rate_hz": 4_000}, "expected 16000 to 192000 Hz"),
    ],
)
def test_what_cannot_be_is_said(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_mix(0, **arguments)  # type: ignore[arg-type]
